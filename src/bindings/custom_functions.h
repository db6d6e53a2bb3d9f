// Interfaces that a provider defines itself, as plain C++ functions: what wRPC's bytes mean is read from
// their types (wrpc/typed_codec.h lists them).
//
//   functions.add("example:mail/outbox@1.0.0", "send",
//                 [this](const capability::Caller& caller, std::string to, std::string text)
//                     -> tl::expected<std::string, std::string> { ... });
//
// and the other way, a function that a component exports:
//
//   WATTLE_TRY(auto answer, (call_component<std::string>(context.components, "shop",
//   "example:mail/inbox@1.0.0",
//                                                        "receive", text)));
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "capability/provider.h"
#include "wrpc/call_codec.h"

namespace wattle::bindings {

class CustomFunctions {
 public:
  using Answer = std::function<Result<wrpc::Reply>(wrpc::IncomingCall&)>;

  // `interface` with its version; `function` as on the wire: "send", "outbox.send" for a resource's.
  // `serve(caller, parameters...)` runs on a fiber with the caller's deadline. It returns nothing, a value,
  // or a Result of these, whose Error reaches the caller as a failed call: what the interface itself declares
  // as an error is in the value.
  template <class Serve>
  void add(std::string_view interface, std::string_view function, Serve serve) {
    functions_.insert_or_assign(fmt::format("{}.{}", interface, function),
                                answer_with(std::move(serve), &Serve::operator()));
  }
  // Null: there is none. `operation`: "example:mail/outbox@1.0.0.send".
  const Answer* find(std::string_view operation) const {
    const auto found = functions_.find(operation);
    return found == functions_.end() ? nullptr : &found->second;
  }

 private:
  template <class Serve, class Self, class R, class... P>
  static Answer answer_with(Serve serve, R (Self::*)(const capability::Caller&, P...) const) {
    return [serve = std::move(serve)](wrpc::IncomingCall& call) -> Result<wrpc::Reply> {
      WATTLE_TRY(auto parameters, wrpc::parameters_of<std::decay_t<P>...>(call));
      const capability::Caller caller{call.source_id, call.link_name};
      const auto answer = [&] {
        return std::apply([&](auto&... each) -> R { return serve(caller, std::move(each)...); }, parameters);
      };
      if constexpr (std::is_void_v<R>) {
        answer();
        return wrpc::Reply{};
      } else {
        return reply_of(answer());
      }
    };
  }
  template <class R>
  static Result<wrpc::Reply> reply_of(const R& value) {
    return wrpc::reply_with(value);
  }
  template <class T>
  static Result<wrpc::Reply> reply_of(const Result<T>& value) {
    if (!value) return failure(value.error());
    if constexpr (std::is_void_v<T>)
      return wrpc::Reply{};
    else
      return wrpc::reply_with(*value);
  }

  std::map<std::string, Answer, std::less<>> functions_;
};

// One function of the component `target`; R is what it returns, without streams. The fiber's deadline holds.
template <class R, class... Parameters>
Result<R> call_component(capability::ComponentCalls& components, std::string_view target,
                         std::string_view interface, std::string_view function,
                         const Parameters&... parameters) {
  std::string bytes;
  wrpc::Writer writer(bytes);
  wrpc::encode_all(writer, parameters...);
  WATTLE_TRY(const std::string result,
             components.call_encoded(target, interface, function, bytes, wrpc::is_whole_of<R>));
  return wrpc::decoded<R>(result);
}

}  // namespace wattle::bindings
