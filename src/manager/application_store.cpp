#include "manager/application_store.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "manager/read.h"

namespace wattle::manager {
namespace {

constexpr std::string_view kRecords = "app/";
constexpr std::string_view kManifests = "manifest/";
constexpr std::string_view kNotes = "note/";
constexpr std::string_view kStoreName = "manifests";
// Longer than any put takes, and than the clocks of two managers differ.
constexpr std::chrono::milliseconds kSweepAfter = std::chrono::hours(1);
constexpr size_t kRecordRoomBytes = 4096;        // what a message holds beside a value
constexpr size_t kHistoryRoomBytes = 16 * 1024;  // what a record has for its history, however many versions
constexpr size_t kVersionsToldMax = 10;

std::string key_of(std::string_view kind, std::string_view name) {
  return fmt::format("{}{}", kind, name);
}

std::string manifest_key(std::string_view name, std::string_view ulid) {
  return fmt::format("{}{}/{}", kManifests, name, ulid);
}

Error no_application(std::string_view name) {
  return Error(ErrorCode::not_found, fmt::format("there is no application \"{}\"", name))
      .with_remedy("\"wattle app list\" names those there are");
}

Error no_version(const ApplicationRecord& record, std::string_view version) {
  std::string names;
  const size_t told = std::min(record.versions.size(), kVersionsToldMax);
  for (size_t i = record.versions.size() - told; i < record.versions.size(); ++i)
    names += (names.empty() ? "" : ", ") + record.versions[i].version;
  return Error(ErrorCode::not_found,
               fmt::format("the application \"{}\" has no version {}", record.name, in_quotes(version)))
      .with_remedy(fmt::format("there {} {}{}", record.versions.size() == 1 ? "is" : "are", names,
                               told < record.versions.size() ? " and older ones" : ""));
}

// Whether that is another than before.
Result<bool> set_deployed(ApplicationRecord& record, const std::string& version, std::string_view what,
                          std::string_view why) {
  if (record.find(version) == nullptr) return failure(no_version(record, version));
  if (record.deployed == version) return false;
  record.deployed = version;
  record.add_history(version, what, why);
  return true;
}

Result<void> check_readable(const ApplicationRecord& record) {
  if (record.unreadable.empty()) return {};
  return failure(ErrorCode::unsupported, "{}", record.unreadable);
}

// What happened long ago makes room, so that what is deployed can always be undeployed.
std::string json_with_room(ApplicationRecord record, size_t bytes_max) {
  std::string json = to_json(record);
  while (json.size() > bytes_max && record.history.size() > 1) {
    record.history.erase(record.history.begin(),
                         record.history.begin() + static_cast<ptrdiff_t>((record.history.size() + 1) / 2));
    json = to_json(record);
  }
  return json;
}

// Versions alone, which nothing but their deletion makes fewer.
Result<void> check_room(const ApplicationRecord& record, size_t bytes_max) {
  ApplicationRecord versions;
  versions.versions = record.versions;
  if (to_json(versions).size() + kHistoryRoomBytes <= bytes_max) return {};
  return failure(
      Error(
          ErrorCode::overloaded,
          fmt::format("the application \"{}\" has {} versions already, and the bus carries no record of more",
                      record.name, record.versions.size() - 1))
          .with_remedy(fmt::format("wattle app delete {} --version VERSION", record.name)));
}

std::shared_ptr<const ApplicationRecord> read_record(std::string_view name, std::string_view json) {
  auto record = parse_record(name, json);
  if (record) return std::make_shared<const ApplicationRecord>(std::move(*record));
  ApplicationRecord unreadable;
  unreadable.name = name;
  unreadable.unreadable = record.error().full_message();
  return std::make_shared<const ApplicationRecord>(std::move(unreadable));
}

}  // namespace

Result<std::unique_ptr<ApplicationStore>> ApplicationStore::open(lattice::Bus& bus,
                                                                 lattice::StoreOptions options,
                                                                 ImageTable images) {
  options.name = kStoreName;
  WATTLE_TRY(auto store, lattice::Store::open(bus, std::move(options)));
  return std::unique_ptr<ApplicationStore>(
      new ApplicationStore(std::move(store), std::move(images), bus.max_payload_bytes()));
}

Result<void> ApplicationStore::wait_ready() {
  WATTLE_CHECK(store_->wait_ready());
  sweep();
  return {};
}

size_t ApplicationStore::value_bytes_max() const {
  return payload_bytes_max_ - std::min(payload_bytes_max_, kRecordRoomBytes);
}

Result<void> ApplicationStore::change(std::string_view name, const Edit& edit) {
  WATTLE_CHECK(check_application_name(name));
  return store_->update(key_of(kRecords, name),
                        [&](std::optional<std::string_view> value) -> Result<std::optional<std::string>> {
                          ApplicationRecord record;
                          record.name = name;
                          if (value) {
                            WATTLE_TRY(record, parse_record(name, *value));
                          }
                          WATTLE_TRY(const bool changed, edit(record));
                          // Which the store does not write, and confirms.
                          if (!changed) return value ? std::optional<std::string>(*value) : std::nullopt;
                          if (record.versions.empty()) return std::optional<std::string>();
                          return json_with_room(std::move(record), value_bytes_max());
                        });
}

Result<ApplicationStore::Put> ApplicationStore::put(const Application& application, std::string_view text) {
  WATTLE_CHECK(check_application_name(application.name));
  const StoredVersion version{.version = application.version.empty() ? make_ulid() : application.version,
                              .created = {},
                              .manifest = make_ulid(),
                              .description = application.description};
  WATTLE_CHECK(check_version(version.version));
  if (text.size() > value_bytes_max())
    return failure(
        Error(ErrorCode::invalid_argument,
              fmt::format("the manifest has {} bytes, and the bus carries at most {} in one message",
                          text.size(), value_bytes_max()))
            .with_remedy("make several applications of it, or raise max_payload of nats-server"));
  Put put;
  WATTLE_CHECK(put_version(version, application.name, text, put));
  return put;
}

Result<void> ApplicationStore::put_version(const StoredVersion& version, std::string_view name,
                                           std::string_view text, Put& put) {
  const std::string key = manifest_key(name, version.manifest);
  // Looked at before the text is written, so that what is there already leaves nothing behind; and again
  // where it counts.
  const auto add = [&](ApplicationRecord& record) -> Result<bool> {
    put = {record.versions.empty(), true, version.version, record.versions.size()};
    if (const StoredVersion* there = record.find(version.version)) {
      if (there->manifest == version.manifest) return false;  // a write that was thought to be lost
      const std::string there_key = manifest_key(name, there->manifest);
      const auto now = store_->snapshot();
      const auto same = now->find(there_key);
      put.is_new_version = false;
      if (same != nullptr && *same == text) return false;
      return failure(
          Error(ErrorCode::already_exists,
                fmt::format("the application \"{}\" has a version {} already, with another manifest", name,
                            in_quotes(version.version)))
              .with_remedy("give the manifest another version: one that was put never changes"));
    }
    if (record.versions.size() >= kVersionsMax)
      return failure(
          Error(ErrorCode::overloaded,
                fmt::format("the application \"{}\" has {} versions already", name, record.versions.size()))
              .with_remedy(fmt::format("wattle app delete {} --version VERSION", name)));
    record.add_version(version);
    put.total_versions = record.versions.size();
    WATTLE_CHECK(check_room(record, value_bytes_max()));
    return true;
  };
  if (const auto record = find(name); record != nullptr && record->find(version.version) != nullptr) {
    ApplicationRecord copy = *record;
    WATTLE_TRY(bool is_new, add(copy));
    if (!is_new) {
      const auto look_again = [&](ApplicationRecord& now) -> Result<bool> {
        WATTLE_TRY(is_new, add(now));
        return false;  // where it was removed just now, its text comes first
      };
      WATTLE_CHECK(change(name, look_again));
      if (!is_new) return {};
    }
  }
  WATTLE_CHECK(store_->put(key, text));
  auto done = change(name, add);
  // After any other failure it is not known whether the record names the text.
  const bool refused = !done && (done.error().code() == ErrorCode::already_exists ||
                                 done.error().code() == ErrorCode::unsupported ||
                                 done.error().code() == ErrorCode::overloaded);
  if (refused || (done && !put.is_new_version)) remove_manifests(name, {version.manifest});
  return done;
}

Result<const StoredVersion*> ApplicationStore::find_version(const ApplicationRecord* record,
                                                            std::string_view name,
                                                            std::string_view version) const {
  if (record == nullptr) return failure(no_application(name));
  WATTLE_CHECK(check_readable(*record));
  const StoredVersion* stored = record->find(version);
  if (stored == nullptr) return failure(no_version(*record, version));
  return stored;
}

Result<std::string> ApplicationStore::manifest(std::string_view name, std::string_view version) {
  const auto record = find(name);
  WATTLE_TRY(const StoredVersion* stored, find_version(record.get(), name, version));
  const auto now = store_->snapshot();
  if (const auto text = now->find(manifest_key(name, stored->manifest))) return *text;
  return failure(
      Error(ErrorCode::unavailable,
            fmt::format("the manifest of \"{}\" {} has not reached this manager yet", name, version))
          .with_remedy("try again in a moment"));
}

Result<std::shared_ptr<const Application>> ApplicationStore::application(std::string_view name,
                                                                         std::string_view version) {
  const auto record = find(name);
  WATTLE_TRY(const StoredVersion* stored, find_version(record.get(), name, version));
  if (const auto known = applications_.find(stored->manifest); known != applications_.end())
    return known->second;
  WATTLE_TRY(const std::string text, manifest(name, version));
  Problems problems;
  auto applications = read_manifests(text, images_, problems);
  if (problems.any_errors()) return failure(refusal(problems, name));
  if (applications.size() != 1)
    return failure(ErrorCode::invalid, "the manifest of \"{}\" {} declares {} applications", name, version,
                   applications.size());
  applications.front().version = version;
  auto application = std::make_shared<const Application>(std::move(applications.front()));
  applications_.emplace(stored->manifest, application);
  return application;
}

// Those that no record names any more, when there are more than records can name.
void ApplicationStore::forget_applications() {
  size_t versions = 0;
  for (const auto& [name, record] : *records_) versions += record->versions.size();
  if (applications_.size() <= versions) return;
  std::set<std::string_view> named;
  for (const auto& [name, record] : *records_)
    for (const StoredVersion& version : record->versions) named.insert(version.manifest);
  std::erase_if(applications_, [&](const auto& item) { return !named.contains(item.first); });
}

Result<std::string> ApplicationStore::deploy(std::string_view name, std::optional<std::string_view> version,
                                             std::string_view why) {
  std::string deployed;
  WATTLE_CHECK(change(name, [&](ApplicationRecord& record) -> Result<bool> {
    if (record.versions.empty()) return failure(no_application(name));
    deployed = version ? std::string(*version) : record.newest().version;
    return set_deployed(record, deployed, "deployed", why);
  }));
  return deployed;
}

Result<void> ApplicationStore::roll_back(std::string_view name, std::optional<std::string_view> from,
                                         std::string_view version, std::string_view why) {
  return change(name, [&](ApplicationRecord& record) -> Result<bool> {
    if (from && record.deployed != *from) return false;
    if (record.versions.empty()) return failure(no_application(name));
    return set_deployed(record, std::string(version), "rolled back", why);
  });
}

Result<void> ApplicationStore::undeploy(std::string_view name, std::string_view why) {
  return change(name, [&](ApplicationRecord& record) -> Result<bool> {
    if (record.versions.empty()) return failure(no_application(name));
    if (!record.deployed) return false;
    record.add_history(*record.deployed, "undeployed", why);
    record.deployed.reset();
    return true;
  });
}

Result<ApplicationStore::Removed> ApplicationStore::remove(std::string_view name,
                                                           std::optional<std::string_view> version,
                                                           IfDeployed if_deployed) {
  Removed removed;
  std::vector<std::string> manifests;
  WATTLE_CHECK(change(name, [&](ApplicationRecord& record) -> Result<bool> {
    removed = {};
    manifests.clear();
    const auto is_meant = [&](const StoredVersion& one) { return !version || one.version == *version; };
    for (const StoredVersion& one : record.versions)
      if (is_meant(one)) manifests.push_back(one.manifest);
    if (manifests.empty()) return false;
    const bool deployed = record.deployed && (!version || *record.deployed == *version);
    if (deployed && if_deployed == IfDeployed::refuse)
      return failure(
          Error(ErrorCode::invalid_argument, fmt::format("\"{}\" {} is deployed", name, *record.deployed))
              .with_remedy(fmt::format("undeploy it first: wattle app undeploy {}", name)));
    removed = {true, deployed};
    if (deployed) record.deployed.reset();
    std::erase_if(record.versions, is_meant);
    if (version) record.add_history(std::string(*version), "deleted", "");
    return true;
  }));
  remove_manifests(name, manifests);
  return removed;
}

// No record names them, so that what fails here is swept away later.
void ApplicationStore::remove_manifests(std::string_view name, const std::vector<std::string>& keys) {
  for (const std::string& key : keys)
    if (!store_->remove(manifest_key(name, key))) return;
}

void ApplicationStore::sweep() {
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  const auto records = snapshot();
  const auto values = store_->snapshot();
  for (const auto& [key, text] : values->prefix(kManifests)) {
    const std::string_view rest = std::string_view(key).substr(kManifests.size());
    const size_t slash = rest.find('/');
    if (slash == std::string_view::npos) continue;
    const std::string_view ulid = rest.substr(slash + 1);
    const auto made_ms = ulid_time_ms(ulid);
    if (!made_ms || now - std::chrono::milliseconds(*made_ms) < kSweepAfter) continue;
    const auto record = records->find(rest.substr(0, slash));
    const bool named = record != records->end() &&
                       (!record->second->unreadable.empty() ||
                        std::any_of(record->second->versions.begin(), record->second->versions.end(),
                                    [&](const StoredVersion& one) { return one.manifest == ulid; }));
    if (!named && !store_->remove(key)) return;
  }
}

std::shared_ptr<const ApplicationStore::Records> ApplicationStore::snapshot() {
  const auto now = store_->snapshot();
  if (now == seen_) return records_;
  Records records;
  for (const auto& [key, text] : now->prefix(kRecords)) {
    const std::string_view name = std::string_view(key).substr(kRecords.size());
    records.emplace_hint(records.end(), name, read(name, text));
  }
  seen_ = now;
  records_ = std::make_shared<const Records>(std::move(records));
  std::erase_if(read_, [&](const auto& item) { return !records_->contains(item.first); });
  forget_applications();
  return records_;
}

std::shared_ptr<const ApplicationRecord> ApplicationStore::find(std::string_view name) {
  const auto text = store_->snapshot()->find(key_of(kRecords, name));
  return text == nullptr ? nullptr : read(name, text);
}

std::shared_ptr<const ApplicationRecord> ApplicationStore::read(
    std::string_view name, const std::shared_ptr<const std::string>& text) {
  auto there = read_.find(name);
  if (there == read_.end()) there = read_.emplace(name, Read()).first;
  if (there->second.text != text) there->second = {text, read_record(name, *text)};
  return there->second.record;
}

std::optional<std::string> ApplicationStore::note(std::string_view name) {
  const auto text = store_->snapshot()->find(key_of(kNotes, name));
  return text == nullptr ? std::nullopt : std::optional(*text);
}

std::set<std::string> ApplicationStore::changed_since(const lattice::StoreSnapshot* before) {
  std::set<std::string> names;
  const auto add = [&](std::string_view key) {
    const size_t begin = key.find('/') + 1;
    names.emplace(key.substr(begin, key.find('/', begin) - begin));
  };
  const auto snapshot = store_->snapshot();
  static const lattice::StoreSnapshot kNothing({});
  const auto then = (before == nullptr ? kNothing : *before).values();
  auto old = then.begin();
  for (const auto& [key, value] : snapshot->values()) {
    for (; old != then.end() && old->key < key; ++old) add(old->key);
    if (old == then.end() || old->key != key)
      add(key);
    else if (old++->value != value)
      add(key);
  }
  for (; old != then.end(); ++old) add(old->key);
  return names;
}

Result<void> ApplicationStore::put_note(std::string_view name, std::string_view text) {
  WATTLE_CHECK(check_application_name(name));
  return store_->put(key_of(kNotes, name), text);
}

Result<void> ApplicationStore::remove_note(std::string_view name) {
  return store_->remove(key_of(kNotes, name));
}

}  // namespace wattle::manager
