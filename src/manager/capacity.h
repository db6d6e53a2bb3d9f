// What a host has for instances, what of it has been given to parts, and what is left.
//
//   Capacity capacity(labels);
//   capacity.take(usage_of(requests, 3));
//   capacity.room_for(requests)   // so many more
//
// A host may have been given more than it has: nothing is taken from what runs when it tells less than
// before.
#pragma once

#include <cstdint>
#include <string>

#include "manager/manifest.h"

namespace wattle::manager {

// Of one host.
struct Usage {
  uint64_t memory = 0;
  uint64_t milli_cpus = 0;
  bool operator==(const Usage&) const = default;
};
// What so many instances ask for; more than kUsageMax of anything is told as that, so that sums stay exact.
Usage usage_of(const Requests& requests, uint64_t instances);
inline constexpr uint64_t kUsageMax = uint64_t{1} << 50;
Usage operator+(const Usage& left, const Usage& right);
// Precondition: `left` has as much.
Usage operator-(const Usage& left, const Usage& right);
// The larger and the smaller of each.
Usage most_of(const Usage& left, const Usage& right);
Usage least_of(const Usage& left, const Usage& right);

// "64 MiB of memory and 100m CPU"; "nothing".
std::string describe(const Requests& requests);

class Capacity {
 public:
  // As the labels in lattice/capacity_labels.h tell; no limit where they do not, or not in a way that can be
  // read.
  explicit Capacity(const StringMap& labels);

  // Instances; UINT32_MAX where nothing limits them.
  uint32_t room_for(const Requests& requests) const;
  void take(const Usage& usage) { used_ = used_ + usage; }
  // Precondition: it was taken.
  void give_back(const Usage& usage) { used_ = used_ - usage; }
  // What is missing for one more instance beside `more` of them: "64 MiB asked, 12 MiB left of 8 GiB".
  std::string lack_of(const Requests& requests, uint64_t more) const;

 private:
  uint64_t memory_ = UINT64_MAX;
  uint64_t milli_cpus_ = UINT64_MAX;
  Usage used_;
};

}  // namespace wattle::manager
