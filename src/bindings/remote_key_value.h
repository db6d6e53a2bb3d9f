// capability::KeyValue on another process: a client of wrpc:keyvalue.
#pragma once

#include <memory>

#include "bindings/remote_target.h"
#include "capability/key_value.h"

namespace wattle::bindings {

class RemoteKeyValue final : public capability::KeyValue {
 public:
  explicit RemoteKeyValue(std::shared_ptr<const RemoteTarget> target) : target_(std::move(target)) {}

  template <class T>
  using Answer = capability::KeyValueResult<T>;
  using Caller = capability::Caller;

  // Asks nobody: wrpc:keyvalue has no such function. Whether the bucket can be used shows with its first use.
  Answer<void> open(const Caller& caller, std::string_view bucket) override;
  Answer<std::optional<std::string>> get(const Caller& caller, std::string_view bucket,
                                         std::string_view key) override;
  Answer<void> set(const Caller& caller, std::string_view bucket, std::string_view key,
                   std::string_view value) override;
  Answer<void> remove(const Caller& caller, std::string_view bucket, std::string_view key) override;
  Answer<bool> exists(const Caller& caller, std::string_view bucket, std::string_view key) override;
  Answer<capability::KeyPage> list_keys(const Caller& caller, std::string_view bucket,
                                        std::optional<uint64_t> cursor) override;
  Answer<uint64_t> increment(const Caller& caller, std::string_view bucket, std::string_view key,
                             uint64_t delta) override;
  Answer<std::vector<std::optional<std::string>>> get_many(const Caller& caller, std::string_view bucket,
                                                           const std::vector<std::string>& keys) override;
  Answer<void> set_many(const Caller& caller, std::string_view bucket,
                        const std::vector<std::pair<std::string, std::string>>& values) override;
  Answer<void> remove_many(const Caller& caller, std::string_view bucket,
                           const std::vector<std::string>& keys) override;

 private:
  template <class T, class... Parameters>
  Answer<T> ask(const Caller& caller, std::string_view instance, std::string_view function,
                const Parameters&... parameters);

  std::shared_ptr<const RemoteTarget> target_;
};

}  // namespace wattle::bindings
