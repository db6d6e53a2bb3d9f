// What a provider has made of each of its links, found by who calls. A call holds what it found, so that a
// link that is put anew or deleted meanwhile lets the call finish on the old one.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "capability/provider.h"

namespace wattle::providers {

template <class Bound>
class LinkTable {
 public:
  // Null: no such link.
  std::shared_ptr<Bound> find(const capability::Caller& caller) const {
    const auto found = links_.find(View(caller.source_id, caller.link_name));
    return found == links_.end() ? nullptr : found->second;
  }
  void put(const capability::ProviderLink& link, std::shared_ptr<Bound> bound) {
    links_.insert_or_assign(Key(link.source_id, link.name), std::move(bound));
  }
  void erase(const capability::ProviderLink& link) { links_.erase(Key(link.source_id, link.name)); }

  auto begin() const { return links_.begin(); }
  auto end() const { return links_.end(); }
  void clear() { links_.clear(); }

 private:
  using Key = std::pair<std::string, std::string>;
  using View = std::pair<std::string_view, std::string_view>;
  struct Less {
    using is_transparent = void;
    bool operator()(const Key& a, const Key& b) const { return View(a) < View(b); }
    bool operator()(const View& a, const Key& b) const { return a < View(b); }
    bool operator()(const Key& a, const View& b) const { return View(a) < b; }
  };
  std::map<Key, std::shared_ptr<Bound>, Less> links_;
};

// "link "default" of "shop"": for messages.
inline std::string link_text(std::string_view link_name, std::string_view source_id) {
  return fmt::format("link \"{}\" of \"{}\"", link_name, source_id);
}

}  // namespace wattle::providers
