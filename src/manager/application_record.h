// What a lattice remembers of one application beside its manifests: which versions there are, which one is
// deployed, and what happened. A value, kept as JSON with a format version.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace wattle::manager {

inline constexpr size_t kVersionsMax = 500;
inline constexpr size_t kHistoryMax = 200;
inline constexpr size_t kVersionBytesMax = 128;
inline constexpr size_t kWhyBytesMax = 500;
inline constexpr size_t kDescriptionBytesMax = 500;

struct StoredVersion {
  std::string version{};
  std::string created{};      // RFC 3339
  std::string manifest{};     // under which key of its own the text is kept
  std::string description{};  // the manifest's, its first kDescriptionBytesMax
  bool operator==(const StoredVersion&) const = default;
};

struct HistoryEntry {
  std::string version{};  // empty: of none in particular
  std::string at{};       // RFC 3339
  std::string what{};     // "put", "deployed", "undeployed", "rolled back", "deleted"
  std::string why{};
  bool operator==(const HistoryEntry&) const = default;
};

struct ApplicationRecord {
  std::string name{};
  std::vector<StoredVersion> versions{};  // in the order in which they were put; never empty
  std::optional<std::string> deployed{};
  std::vector<HistoryEntry> history{};  // the oldest first; at most kHistoryMax, see add_history()
  // Why nothing but the name could be read, of a newer wattle's record above all. Whoever finds this leaves
  // everything alone that the application has.
  std::string unreadable{};

  // Null: there is no such version.
  const StoredVersion* find(std::string_view version) const;
  const StoredVersion& newest() const { return versions.back(); }
  // The one that was deployed before the present one, and is still there; none that was rolled back from
  // since.
  std::optional<std::string> previous() const;
  // What is beyond kHistoryMax is forgotten: the oldest, or the oldest put while those are more than half of
  // it. So puts alone never make it forget what was deployed.
  void add_history(std::string version, std::string_view what, std::string_view why);
  // As put now.
  void add_version(StoredVersion version);
};

// Refused: malformed; unsupported (of a newer format).
Result<ApplicationRecord> parse_record(std::string_view name, std::string_view json);
std::string to_json(const ApplicationRecord& record);

// Refused (invalid_argument): what can be no name of an application, or no version of one ("latest").
Result<void> check_application_name(std::string_view name);
Result<void> check_version(std::string_view version);
// A version for who gave none: 26 characters that sort by time.
std::string make_ulid();
// Milliseconds since 1970 when it was made; nothing for what is none.
std::optional<int64_t> ulid_time_ms(std::string_view ulid);

}  // namespace wattle::manager
