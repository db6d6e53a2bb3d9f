// wasi:keyvalue between its WIT and capability::KeyValue.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "capability/key_value.h"
#include "runtime/runtime.h"

namespace wattle::bindings {

// wasi:keyvalue/store.bucket: a name, and the link that it was opened through, which later calls use too.
class Bucket : public runtime::HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:keyvalue/store";
  static constexpr std::string_view kName = "bucket";
  Bucket(std::string name, std::string link_name)
      : name_(std::move(name)), link_name_(std::move(link_name)) {}

  const std::string& name() const { return name_; }
  const std::string& link_name() const { return link_name_; }

 private:
  std::string name_;
  std::string link_name_;
};

// A component's wasi:keyvalue/watcher.
struct WatcherExport {
  std::shared_ptr<const runtime::ExportedFunction> on_set, on_delete;
};
// Refused (not_found): it exports none.
Result<WatcherExport> find_watcher(const runtime::LinkedComponent& component);
// Tell an instance of it. The bucket that the component is given is one of its own link `link_name`.
Result<void> call_on_set(runtime::Instance& instance, const WatcherExport& watcher,
                         const engine::CallLimits& limits, std::string_view link_name,
                         std::string_view bucket, std::string_view key, std::string_view value);
Result<void> call_on_delete(runtime::Instance& instance, const WatcherExport& watcher,
                            const engine::CallLimits& limits, std::string_view link_name,
                            std::string_view bucket, std::string_view key);

}  // namespace wattle::bindings
