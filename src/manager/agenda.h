// Names and when each of them is due: once, at the earliest time that was asked for.
//
//   agenda.add("shop");                       // now
//   agenda.add("blog", now + seconds(2));
//   for (const std::string& name : agenda.take(now)) ...
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "base/time.h"

namespace wattle::manager {

class Agenda {
 public:
  static constexpr TimePoint kNow = TimePoint::min();

  void add(const std::string& name, TimePoint when = kNow) {
    const auto [due, is_new] = due_.try_emplace(name, when);
    if (!is_new) {
      if (due->second <= when) return;
      queue_.erase({due->second, name});
      due->second = when;
    }
    queue_.emplace(when, name);
  }

  // TimePoint::max(): nothing is.
  TimePoint next() const { return queue_.empty() ? TimePoint::max() : queue_.begin()->first; }

  std::set<std::string> take(TimePoint now) {
    std::set<std::string> names;
    while (next() <= now) {
      names.insert(queue_.begin()->second);
      due_.erase(queue_.begin()->second);
      queue_.erase(queue_.begin());
    }
    return names;
  }

  void clear() {
    due_.clear();
    queue_.clear();
  }

 private:
  std::map<std::string, TimePoint> due_;
  std::set<std::pair<TimePoint, std::string>> queue_;
};

}  // namespace wattle::manager
