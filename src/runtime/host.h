// What a host function sees: the state of the invocation that it serves, and the host's resources in it.
//
// A resource of the host is a C++ class:
//
//   struct Pollable : HostResource {
//     static constexpr std::string_view kInterface = "wasi:io/poll";
//     static constexpr std::string_view kName = "pollable";
//     ...
//   };
//
// In a host function's signature `Pollable&` or `Pollable*` is `borrow<pollable>`, and
// `std::unique_ptr<Pollable>` is `own<pollable>`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace wattle::runtime {

class Instance;

// A resource type's identity at run time: two handles are of one type exactly if these are one object. Host
// types live for ever (host_resource_type); a guest's own are made with each instance of the component that
// defines them.
struct ResourceType {
  std::string_view interface;  // "wasi:io/poll", without version; empty for guests' own
  std::string_view name;
  bool is_host = true;
};

class HostResources;

class HostResource {
 public:
  virtual ~HostResource() = default;
  // Whether it can go to another instance's host; it then takes along what it has charged. The next owner may
  // outlive the first host and all that was attached to it.
  virtual bool move_to(HostResources& receiver) {
    (void)receiver;
    return false;
  }
};

template <class T>
inline const ResourceType host_resource_type{T::kInterface, T::kName, true};

// The host's resources that guests hold, by representation. One invocation's; dropped at its end, latest
// first. Both their number and the bytes they keep on the guest's behalf are bounded.
class HostResources {
 public:
  HostResources() = default;
  HostResources(HostResources&&) = default;
  HostResources& operator=(HostResources&&) = default;
  uint32_t max_count = 10'000;
  size_t max_bytes = size_t{16} << 20;

  bool full() const { return count() >= max_count; }
  // A guest that holds so many between two calls leaks them: kept on, it would fail for it soon.
  bool half_full() const { return count() > max_count / 2 || bytes_ > max_bytes / 2; }
  // Accounts for memory that grows as the guest asks: false, and nothing is taken, beyond max_bytes. Who
  // charged gives back the same.
  bool charge(size_t bytes) {
    if (bytes > max_bytes - bytes_) return false;
    bytes_ += bytes;
    return true;
  }
  void discharge(size_t bytes) { bytes_ -= bytes; }
  size_t bytes() const { return bytes_; }

  ~HostResources() { clear(); }
  uint32_t insert(std::unique_ptr<HostResource> resource);
  HostResource* get(uint32_t representation) const { return slots_[representation].get(); }
  std::unique_ptr<HostResource> take(uint32_t representation);
  void clear();
  size_t count() const { return slots_.size() - unused_.size(); }

 private:
  size_t bytes_ = 0;
  std::vector<std::unique_ptr<HostResource>> slots_;
  std::vector<uint32_t> unused_;
};

// One per Instance. Embedders attach what their host functions need, by type: host.attach(wasi_context);
class Host {
 public:
  HostResources resources;

  // `state` must outlive the invocation. One per type; a second replaces the first.
  template <class T>
  void attach(T& state) {
    for (auto& [tag, pointer] : states_)
      if (tag == &kTag<T>) {
        pointer = &state;
        return;
      }
    states_.emplace_back(&kTag<T>, &state);
  }
  // Attaches a state that lives as long as this host.
  template <class T, class... Args>
  T& own(Args&&... args) {
    auto state = std::make_shared<T>(std::forward<Args>(args)...);
    T& attached = *state;
    owned_.push_back(std::move(state));
    attach(attached);
    return attached;
  }
  // Precondition: attached.
  template <class T>
  T& state() const {
    for (auto& [tag, pointer] : states_)
      if (tag == &kTag<T>) return *static_cast<T*>(pointer);
    std::abort();
  }
  void detach_all() { states_.clear(); }

 private:
  template <class T>
  static constexpr char kTag = 0;
  std::vector<std::pair<const char*, void*>> states_;
  std::vector<std::shared_ptr<void>> owned_;
};

}  // namespace wattle::runtime
