// wasi:keyvalue/watcher: which changes of keys a link wants, and their delivery to its component.
//
// A link from a key-value provider to a component that exports the watcher names the keys in its source
// config:
//
//   watch    "SET@session,DEL@session,SET@order.*": SET, DEL or ALL, then a key; a * at its end stands for
//            any rest. Without it, every key is watched.
//   bucket   the bucket, "default" if there is none
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "capability/provider.h"
#include "providers/settings.h"

namespace wattle::providers {

class WatchRules {
 public:
  // Refused (invalid_argument): a part of `watch` that is none.
  static Result<WatchRules> read(const Settings& settings);

  const std::string& bucket() const { return bucket_; }
  bool wants_set(std::string_view key) const { return wants(key, true); }
  bool wants_delete(std::string_view key) const { return wants(key, false); }

 private:
  struct Rule {
    bool set = false;
    bool deleted = false;
    bool prefix = false;
    std::string key;
  };
  bool wants(std::string_view key, bool set) const;

  std::string bucket_;
  std::vector<Rule> rules_;
};

// Calls a component for each change, one after the other, on a fiber of its own. A call that the component's
// host cannot take now is repeated a few times. More changes than it keeps are dropped, and the log says so.
// Held by shared_ptr.
class WatchDelivery : public std::enable_shared_from_this<WatchDelivery> {
 public:
  static constexpr size_t kChangesMax = 4096;
  static constexpr size_t kBytesMax = 64 * 1024 * 1024;

  WatchDelivery(const capability::ProviderContext& context, std::string target, WatchRules rules);

  const WatchRules& rules() const { return rules_; }
  const std::string& target() const { return target_; }
  // Both forget what the rules do not want.
  void key_was_set(std::string_view key, std::string_view value);
  void key_was_deleted(std::string_view key);
  // Delivers at once, on the calling fiber: for backends that want to know whether it was done.
  Result<void> deliver(std::string_view key, const std::string* value);
  size_t waiting() const { return changes_.size(); }
  // Nothing is called any more.
  void close();

 private:
  struct Change {
    std::string key;
    std::string value;
    bool set = false;
  };
  void add(Change change);
  void run();

  async::Worker& worker_;
  const telemetry::Log& log_;
  capability::ComponentCalls& components_;
  std::string target_;
  WatchRules rules_;
  std::deque<Change> changes_;
  size_t bytes_ = 0;
  std::shared_ptr<async::Fiber> fiber_;
  bool closed_ = false;
  bool dropping_ = false;
};

}  // namespace wattle::providers
