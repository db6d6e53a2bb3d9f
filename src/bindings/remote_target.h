// The other end of a link whose target is reached over the bus: how the capabilities of remote_*.h send their
// calls.
//
//   RemoteTarget target(client, "shop-kv", [&] { return std::vector{lattice::call_prefix("default",
//   "shop-kv")}; }); RemoteKeyValue store(target);       // a capability::KeyValue like any other
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "capability/provider.h"
#include "wrpc/call_codec.h"
#include "wrpc/error.h"

namespace wattle::bindings {

class RemoteTarget {
 public:
  // Prefixes of subjects to try in turn, the best first; at least one. Later ones are tried where a call was
  // certainly not begun, and, for functions that `is_idempotent` names, where the callee went away.
  using Prefixes = std::function<std::vector<std::string>()>;
  using IsIdempotent = std::function<bool(std::string_view function)>;
  // Of a call that nobody has begun, tried first at that time: waits until it is worth another try. False: no
  // more of them.
  using WaitForIt = std::function<bool(TimePoint first_tried)>;

  // `client` outlives this. `image_ref`: of the revision that is to answer; empty: any.
  RemoteTarget(wrpc::Client& client, std::string id, Prefixes prefixes, IsIdempotent is_idempotent = {},
               std::string_view image_ref = {}, WaitForIt wait_for_it = {})
      : client_(client),
        id_(std::move(id)),
        image_ref_(image_ref),
        prefixes_(std::move(prefixes)),
        is_idempotent_(std::move(is_idempotent)),
        wait_for_it_(std::move(wait_for_it)) {}

  const std::string& id() const { return id_; }

  // One function's result. Refused: what wrpc::Client::invoke refuses, with source, link and target in the
  // message.
  template <class R, class... Parameters>
  Result<R> call(const capability::Caller& caller, std::string_view instance, std::string_view function,
                 const Parameters&... parameters) const {
    const lattice::Headers headers = headers_of(caller);
    auto results = try_each(function, [&](const std::string& prefix) {
      return wrpc::call_typed<R>(
          client_, {.prefix = prefix, .instance = instance, .function = function, .headers = &headers},
          parameters...);
    });
    if (!results) return failure(failed(caller, instance, function, results.error()));
    return std::move(std::get<0>(*results));
  }
  // Of a function without a result.
  template <class... Parameters>
  Result<void> call_without_result(const capability::Caller& caller, std::string_view instance,
                                   std::string_view function, const Parameters&... parameters) const {
    const lattice::Headers headers = headers_of(caller);
    auto results = try_each(function, [&](const std::string& prefix) {
      return wrpc::call_typed<>(
          client_, {.prefix = prefix, .instance = instance, .function = function, .headers = &headers},
          parameters...);
    });
    if (!results) return failure(failed(caller, instance, function, results.error()));
    return {};
  }
  // One whose parameters hold streams, which can be sent once only: another prefix is tried only where the
  // first certainly did not begin the call.
  template <class R, class... Parameters>
  Result<R> call_streaming(const capability::Caller& caller, std::string_view instance,
                           std::string_view function, const Parameters&... parameters) const {
    const lattice::Headers headers = headers_of(caller);
    const auto ask_each = [&] {
      const std::vector<std::string> prefixes = prefixes_();
      const size_t last = std::min(prefixes.size(), kMostTries) - 1;
      const auto ask = [&](size_t index) {
        return wrpc::call_typed<R>(client_,
                                   {.prefix = prefixes[index],
                                    .instance = instance,
                                    .function = function,
                                    .headers = &headers,
                                    .keeps_streams = index < last || wait_for_it_ != nullptr},
                                   parameters...);
      };
      auto results = ask(0);
      for (size_t next = 1; next <= last && !results && wrpc::certainly_not_begun(results.error()); ++next)
        results = ask(next);
      return results;
    };
    auto results = until_it_runs(ask_each);
    if (!results) return failure(failed(caller, instance, function, results.error()));
    return std::move(std::get<0>(*results));
  }

 private:
  static constexpr size_t kMostTries = 4;

  template <class Try>
  auto try_each(std::string_view function, Try call) const {
    return until_it_runs([&] {
      const std::vector<std::string> prefixes = prefixes_();
      auto answer = call(prefixes.front());
      for (size_t next = 1; next < prefixes.size() && next < kMostTries; ++next) {
        if (answer || !may_try_again(function, answer.error())) break;
        answer = call(prefixes[next]);
      }
      return answer;
    });
  }
  template <class TryAll>
  auto until_it_runs(TryAll try_all) const {
    const TimePoint first_tried = Clock::now();
    auto answer = try_all();
    while (!answer && runs_nowhere(answer.error()) && wait_for_it_ && wait_for_it_(first_tried))
      answer = try_all();
    return answer;
  }
  // Whether the error says that nobody is there who could answer.
  static bool runs_nowhere(const Error& error);
  bool may_try_again(std::string_view function, const Error& error) const;
  lattice::Headers headers_of(const capability::Caller& caller) const;
  Error failed(const capability::Caller& caller, std::string_view instance, std::string_view function,
               const Error& error) const;

  wrpc::Client& client_;
  const std::string id_;
  const std::string image_ref_;
  const Prefixes prefixes_;
  const IsIdempotent is_idempotent_;
  const WaitForIt wait_for_it_;
};

}  // namespace wattle::bindings
