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

// As much as there may be, without a part of a character at the end.
std::string_view beginning_of(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xc0) == 0x80) --bytes_max;
  return text.substr(0, bytes_max);
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
  // What was deployed one over the other. Who goes back takes away the version that is left, and what lies
  // above the one that is gone back to.
  std::vector<std::string_view> stack;
  for (const HistoryEntry& entry : history) {
    if (entry.what == "rolled back") {
      if (!stack.empty()) std::erase(stack, std::string_view(stack.back()));
      const auto there = std::find(stack.rbegin(), stack.rend(), entry.version);
      if (there != stack.rend()) stack.erase(there.base(), stack.end());
    }
    const bool is_deployed = entry.what == "deployed" || entry.what == "rolled back";
    if (is_deployed && (stack.empty() || stack.back() != entry.version)) stack.push_back(entry.version);
  }
  const auto found = std::find_if(stack.rbegin(), stack.rend(), [&](std::string_view version) {
    return version != deployed && find(version) != nullptr;
  });
  return found == stack.rend() ? std::nullopt : std::optional<std::string>(*found);
}

void ApplicationRecord::add_history(std::string version, std::string_view what, std::string_view why) {
  history.push_back({std::move(version), lattice::format_time_now(), std::string(what),
                     lattice::valid_utf8(beginning_of(why, kWhyBytesMax))});
  const auto is_put = [](const HistoryEntry& entry) { return entry.what == "put"; };
  while (history.size() > kHistoryMax) {
    const bool many_puts =
        std::count_if(history.begin(), history.end(), is_put) > static_cast<ptrdiff_t>(kHistoryMax / 2);
    history.erase(many_puts ? std::find_if(history.begin(), history.end(), is_put) : history.begin());
  }
}

void ApplicationRecord::add_version(StoredVersion version) {
  version.description.resize(beginning_of(version.description, kDescriptionBytesMax).size());
  StoredVersion& added = versions.emplace_back(std::move(version));
  add_history(added.version, "put", "");
  added.created = history.back().at;
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
  for (StoredVersion& version : record.versions)
    version.description.resize(beginning_of(version.description, kDescriptionBytesMax).size());
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
