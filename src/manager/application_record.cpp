#include "manager/application_record.h"

#include <algorithm>

#include "lattice/events.h"
#include "lattice/json_fields.h"
#include "manager/fields.h"
#include "manager/history_fields.h"

namespace wattle::manager {
namespace {

constexpr uint32_t kFormat = 1;
constexpr std::string_view kUlidLetters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr size_t kUlidLength = 26;
constexpr size_t kUlidTimeLength = 10;
constexpr unsigned kUlidLetterBits = 5;

struct Format {
  uint32_t format = 0;
};

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const Format&) {
  fields.required("format", self.format);
}

unsigned hex_value(char digit) {
  return static_cast<unsigned>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

}  // namespace

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const StoredVersion&) {
  fields.required("version", self.version);
  fields.required("created", self.created);
  fields.required("manifest", self.manifest);
  fields.optional("description", self.description);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const ApplicationRecord&) {
  fields.required("versions", self.versions);
  fields.optional("deployed", self.deployed);
  fields.optional("history", self.history);
}

const StoredVersion* ApplicationRecord::find(std::string_view version) const {
  const auto found = std::find_if(versions.begin(), versions.end(),
                                  [&](const StoredVersion& one) { return one.version == version; });
  return found == versions.end() ? nullptr : &*found;
}

std::optional<std::string> ApplicationRecord::previous() const {
  for (auto entry = history.rbegin(); entry != history.rend(); ++entry) {
    const bool was_deployed = entry->what == "deployed" || entry->what == "rolled back";
    if (was_deployed && entry->version != deployed && find(entry->version) != nullptr) return entry->version;
  }
  return {};
}

void ApplicationRecord::add_history(std::string version, std::string_view what, std::string_view why) {
  if (history.size() >= kHistoryMax)
    history.erase(history.begin(),
                  history.begin() + static_cast<ptrdiff_t>(history.size() - kHistoryMax + 1));
  history.push_back({std::move(version), lattice::format_time_now(), std::string(what),
                     lattice::valid_utf8(why.substr(0, kWhyBytesMax))});
}

Result<ApplicationRecord> parse_record(std::string_view name, std::string_view json) {
  const std::string what = fmt::format("the record of the application \"{}\"", name);
  WATTLE_TRY(const boost::json::object object, lattice::parse_object(json, what));
  WATTLE_TRY(const Format format, lattice::read_object<Format>(object, what));
  if (format.format > kFormat)
    return failure(
        Error(ErrorCode::unsupported, fmt::format("{} has format {}, and this wattle knows those up to {}",
                                                  what, format.format, kFormat))
            .with_remedy("a newer wattle wrote it: use that one"));
  WATTLE_TRY(ApplicationRecord record, lattice::read_object<ApplicationRecord>(object, what));
  if (record.versions.empty()) return failure(ErrorCode::malformed, "{} has no versions", what);
  if (record.deployed && record.find(*record.deployed) == nullptr)
    return failure(ErrorCode::malformed, "{} has no version \"{}\", which is to be deployed", what,
                   *record.deployed);
  record.name = name;
  return record;
}

std::string to_json(const ApplicationRecord& record) {
  boost::json::object object = lattice::write_object(record);
  object["format"] = kFormat;
  return boost::json::serialize(object);
}

Result<void> check_application_name(std::string_view name) {
  if (kApplicationName.fits(name)) return {};
  return failure(
      Error(ErrorCode::invalid_argument, fmt::format("{} can be no application's name", in_quotes(name)))
          .with_remedy("an application's name has 1 to 128 letters, digits, \"-\" and \"_\""));
}

Result<void> check_version(std::string_view version) {
  if (version == "latest")
    return failure(
        Error(ErrorCode::invalid_argument, "\"latest\" is no version: it stands for the newest one")
            .with_remedy("name the version, or leave it out to have one made"));
  const bool printable = std::all_of(version.begin(), version.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7f;
  });
  if (printable && !version.empty() && version.size() <= kVersionBytesMax) return {};
  return failure(
      Error(ErrorCode::invalid_argument, fmt::format("{} can be no version", in_quotes(version)))
          .with_remedy(fmt::format("a version has 1 to {} ASCII characters without spaces, for example 1.2.0",
                                   kVersionBytesMax)));
}

// The 128 bits are those of an event's id, 32 digits of 4 bits; a ULID writes them with 5 bits a letter, and
// two zero bits before them.
std::string make_ulid() {
  std::string ulid;
  unsigned bits = 0, count = 2;
  for (const char digit : lattice::event_id()) {
    if (digit == '-') continue;
    bits = bits << 4 | hex_value(digit);
    count += 4;
    if (count < kUlidLetterBits) continue;
    count -= kUlidLetterBits;
    ulid += kUlidLetters[bits >> count & 31];
    bits &= (1u << count) - 1;
  }
  return ulid;
}

std::optional<int64_t> ulid_time_ms(std::string_view ulid) {
  if (ulid.size() != kUlidLength) return {};
  int64_t time_ms = 0;
  for (const char letter : ulid.substr(0, kUlidTimeLength)) {
    const size_t value = kUlidLetters.find(letter);
    if (value == std::string_view::npos) return {};
    time_ms = time_ms << kUlidLetterBits | static_cast<int64_t>(value);
  }
  return time_ms;
}

}  // namespace wattle::manager
