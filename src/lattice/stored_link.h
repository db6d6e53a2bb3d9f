// The links of one source, link name and package as lattice::Store keeps them, and each step by which one of
// them comes to lead elsewhere. A host applies a step by comparing and setting the whole value, so that a
// step is taken or refused, wherever and however late it is asked for.
//
//   in force   what callers follow
//   coming     will be in force: its provider has it, and its target takes calls along it
//   going      was in force: calls that were on their way are still taken
//
// Replacing a target: announce(), put_in_force() when every live host has what was announced, retire() when
// the calls along the old one have ended. Copying before that: begin_copy(), then hold() and commit(), or
// release() when copying what was left took too long; end_copy() gives up.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lattice/link.h"

namespace wattle::lattice {

enum class LinkPhase : uint8_t { in_force, coming, going };

struct StoredLink {
  Link link{};
  LinkPhase phase = LinkPhase::in_force;
  std::string copy{};  // in force: hosts record for this copy what is written; coming: it is to end this one
  std::string hold{};  // hosts hold the calls: which attempt of the copy asked for it

  bool operator==(const StoredLink&) const = default;
};
using StoredLinks = std::vector<StoredLink>;

// As v1's links, with fields of wattle's own where they are not empty. Refused: malformed.
Result<StoredLinks> parse_stored_links(std::string_view json);
std::string to_json(const StoredLinks& links);

// ---- Steps; every one leaves other links as they are.

// link.put: replaces a link of the same target, and ends a copy that goes on. Refused (already_exists): v1's
// rule, an interface that leads to another target.
Result<StoredLinks> put(StoredLinks links, const Link& link);

// Whether putting `link` in force takes an interface from another target.
bool moves(const StoredLinks& links, const Link& link);
// Refused: invalid_argument when a link would keep some of its interfaces, unavailable while it is copied.
Result<StoredLinks> announce(StoredLinks links, const Link& link);
StoredLinks put_in_force(StoredLinks links, const Link& link);
StoredLinks retire(StoredLinks links);

// Which link to copy, and where it is to lead when all is there.
struct LinkCopy {
  std::string token{};    // one for each copy
  std::string attempt{};  // of holding: one for each
  std::string target{};   // it leads there now
  std::string next_target{};
  std::vector<std::string> next_target_config{};
};
// Refused: not_found (no such link in force), unavailable (another copy goes on), invalid_argument (the same
// target: a provider keeps one configuration for each link).
Result<StoredLinks> begin_copy(StoredLinks links, const LinkCopy& copy);
// Refused (unavailable): the copy has ended.
Result<StoredLinks> hold(StoredLinks links, const LinkCopy& copy);
// Nothing where that attempt does not hold.
StoredLinks release(StoredLinks links, const LinkCopy& copy);
// Refused (deadline_exceeded): that attempt does not hold the calls any more.
Result<StoredLinks> commit(StoredLinks links, const LinkCopy& copy);
// Nothing where no such copy goes on.
StoredLinks end_copy(StoredLinks links, const LinkCopy& copy);

}  // namespace wattle::lattice
