// What the manager keeps of an application beside its manifests, in the same store: what it has put into the
// lattice for it, so that nothing is forgotten there and nothing of others is touched; and how far a change
// of its version has come. Written before anything is done that it tells of, so that the next manager finds
// it.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "manager/desired.h"

namespace wattle::manager {

inline constexpr uint32_t kNoteVersion = 1;

struct Note {
  std::string stable{};           // the version that has run as declared last; empty: none has yet
  std::string target{};           // the version that it changes to; empty: it does not
  uint32_t stage = 0;             // of that change
  std::string outcome{};          // how the last change ended, when it did not end well
  std::set<std::string> parts{};  // ids
  std::set<LinkGroup> links{};
  std::set<std::string> configs{};
  // Of a Workload's components, as hosts have told: it is linked by them where nothing of it runs, too.
  KnownInterfaces interfaces{};

  bool holds_nothing() const { return parts.empty() && links.empty() && configs.empty(); }
  bool operator==(const Note&) const = default;
};

std::string to_json(const Note& note);
// Refused: malformed; unsupported when a newer manager wrote it.
Result<Note> parse_note(std::string_view json);

}  // namespace wattle::manager
