// What is asked of hosts while a link comes to lead elsewhere, wattle's own beside the control protocol of
// v1:
//
//   link.copy, of any host: one step of a copy (see stored_link.h), answered with the links as they are then
//   wattle.{lattice}.links.{host-id}, of each host: whether it obeys the links as they are, and which things
//   were written along a link that is copied
//
// Who copies: begin; every host obeys, and calls from before have ended; copy everything, and again what was
// recorded meanwhile, until that is little; hold; every host obeys; copy the rest; commit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "lattice/bus.h"
#include "lattice/control_types.h"
#include "lattice/stored_link.h"

namespace wattle::lattice {

// A host ends what copiers that were killed have left: holding after this, ...
inline constexpr Duration kHoldMax = std::chrono::milliseconds(800);
// ... calls that wait meanwhile after this, ...
inline constexpr Duration kHeldMax = std::chrono::milliseconds(1000);
// ... and recording when it was not asked for records for so long.
inline constexpr Duration kRecordsLease = std::chrono::seconds(10);

enum class LinkCopyStep : uint8_t { begin, hold, release, commit, end };

struct LinkCopyRequest {
  LinkCopyStep step = LinkCopyStep::end;
  LinkKey key{};
  LinkCopy copy{};
};
Result<LinkCopyRequest> parse_link_copy(std::string_view json);
std::string to_json(const LinkCopyRequest& request);

// `value`: the links under that key after the step, as the store holds them; hosts are asked about it.
struct LinkCopyAck {
  std::string value{};
};
Result<LinkCopyAck> parse_link_copy_ack(std::string_view json);
std::string to_json(const LinkCopyAck& ack);

// ---- of each host

// "wattle.default.links.NAB...": where one host is asked.
std::string link_state_subject(std::string_view lattice, std::string_view host_id);

struct LinkStateRequest {
  LinkKey key{};
  // Not empty: answer when the host obeys these links, and, if `settled`, when calls that began along them
  // before have ended; within timeout_ms.
  std::string value{};
  // Answer when the host obeys this link, whatever other links there are under that key; within timeout_ms.
  std::optional<Link> in_force{};
  bool settled = false;
  uint64_t timeout_ms = 1000;
  // Not empty: answer with what this copy's recording has, at most bytes_max. The first `sequence` is 1; the
  // same one again gets the same answer, and the next one says that the last was received.
  std::string copy{};
  uint64_t sequence = 0;
};
Result<LinkStateRequest> parse_link_state(std::string_view json);
std::string to_json(const LinkStateRequest& request);

// A key in a bucket, or an object in a container; `all`: anything in the container.
struct LinkRecord {
  std::string container{};
  std::string name{};
  bool all = false;
  auto operator<=>(const LinkRecord&) const = default;
};
struct LinkRecords {
  std::vector<LinkRecord> records{};  // written or deleted since they were last told
  std::vector<std::string> used{};    // the buckets or containers that calls have named, ever
  bool more = false;
};
Result<LinkRecords> parse_link_records(std::string_view json);
std::string to_json(const LinkRecords& records);

// Asks a host. Refused: as Bus::request; deadline_exceeded (not within timeout_ms), not_found (it does not
// record for this copy, or not from the beginning), overloaded (more was written than it can keep).
Result<LinkRecords> ask_link_state(Bus& bus, std::string_view lattice, std::string_view host_id,
                                   const LinkStateRequest& request);

}  // namespace wattle::lattice
