// What the values of a store say whose keys begin alike: each is parsed once, when it is another, and not
// anew whenever anything in the store changes.
//
//   ParsedValues<Border> borders("border.", parse_border);
//   if (borders.update(*store.snapshot()))
//     borders.visit([&](const std::string& name, const Border& border) { ... });
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "lattice/store.h"

namespace wattle::lattice {

template <class Value>
class ParsedValues {
 public:
  using Parse = Result<Value> (*)(std::string_view text);
  // `prefix` outlives it.
  ParsedValues(std::string_view prefix, Parse parse) : prefix_(prefix), parse_(parse) {}

  // Whether any says something else than before.
  bool update(const StoreSnapshot& snapshot) {
    bool changed = false;
    auto item = items_.begin();
    for (const auto& [key, text] : snapshot.prefix(prefix_)) {
      const std::string_view name = std::string_view(key).substr(prefix_.size());
      for (; item != items_.end() && item->first < name; changed = true) item = items_.erase(item);
      if (item == items_.end() || item->first != name)
        item = items_.emplace_hint(item, std::string(name), Item());
      changed = read(text, item->second) || changed;
      ++item;
    }
    changed = changed || item != items_.end();
    items_.erase(item, items_.end());
    return changed;
  }

  // Calls it with each key, without the prefix, and what its value says. What cannot be parsed is left out.
  template <class Visit>
  void visit(const Visit& each) const {
    for (const auto& [name, item] : items_)
      if (item.value) each(name, *item.value);
  }

 private:
  struct Item {
    std::shared_ptr<const std::string> text{};
    std::optional<Value> value{};
  };

  bool read(const std::shared_ptr<const std::string>& text, Item& item) const {
    if (item.text == text) return false;
    const bool is_same = item.text != nullptr && *item.text == *text;
    item.text = text;
    if (is_same) return false;
    item.value.reset();
    if (auto parsed = parse_(*text)) item.value = std::move(*parsed);
    return true;
  }

  std::string_view prefix_;
  Parse parse_;
  std::map<std::string, Item, std::less<>> items_;
};

}  // namespace wattle::lattice
