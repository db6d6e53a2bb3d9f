#include "manager/store_checks.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <set>

namespace wattle::manager {
namespace {

// Other applications, each in one version. One that cannot be read is left out: it changes nothing of what
// the others may have.
class Others {
 public:
  Others(ApplicationStore& store, const Application& application)
      : store_(store), records_(store.snapshot()), names_{application.name} {}

  void add_deployed() {
    for (const auto& [name, record] : *records_)
      if (record->deployed) add(name, *record->deployed);
  }
  // Those whose parts `application` uses, in the deployed or the newest version; and those whose parts they
  // use.
  void add_used_by(const Application& application) {
    for (const Part& part : application.parts) {
      if (!part.shared) continue;
      const auto found = records_->find(part.shared->application);
      if (found == records_->end() || !found->second->unreadable.empty()) continue;
      const ApplicationRecord& record = *found->second;
      if (const auto used = add(record.name, record.deployed.value_or(record.newest().version)))
        add_used_by(*used);
    }
  }
  // Beside them: with the ids that they have of each other. Few use what another shares, and only those are
  // copied for it.
  void check_beside(const CheckOptions& options, Application& application, Problems& problems) const {
    std::vector<const Application*> others;
    for (const auto& other : applications_) others.push_back(other.get());
    take_shared_ids(application, others);
    std::vector<std::unique_ptr<Application>> users;
    auto with_ids = others;
    for (const Application*& other : with_ids) {
      if (std::none_of(other->parts.begin(), other->parts.end(),
                       [](const Part& part) { return part.shared; }))
        continue;
      users.push_back(std::make_unique<Application>(*other));
      take_shared_ids(*users.back(), others);
      other = users.back().get();
    }
    check(application, with_ids, options, problems);
  }

 private:
  // Null: it is there already, or cannot be read.
  std::shared_ptr<const Application> add(const std::string& name, std::string_view version) {
    if (names_.contains(name)) return nullptr;
    auto application = store_.application(name, version);
    if (!application) return nullptr;
    names_.insert(name);
    applications_.push_back(*application);
    return *application;
  }

  ApplicationStore& store_;
  std::shared_ptr<const ApplicationStore::Records> records_;
  std::set<std::string> names_;
  std::vector<std::shared_ptr<const Application>> applications_;
};

}  // namespace

void check_put(ApplicationStore& store, Application& application, Problems& problems) {
  Others others(store, application);
  others.add_deployed();
  others.add_used_by(application);
  others.check_beside({}, application, problems);
}

void check_deploy(ApplicationStore& store, Application& application, Problems& problems) {
  bool all_deployed = true;
  for (const Part& part : application.parts) {
    if (!part.shared || part.shared->application == application.name) continue;
    const std::string& owner = part.shared->application;
    const auto record = store.find(owner);
    if (record == nullptr || record->deployed) continue;
    all_deployed = false;
    problems.error(part.shared->place,
                   fmt::format("the application {} is not deployed, and {} is its", in_quotes(owner),
                               in_quotes(part.name)),
                   fmt::format("deploy it first: wattle app deploy {}", owner));
  }
  if (!all_deployed) return;
  Others others(store, application);
  others.add_deployed();
  others.check_beside({.others_are_all = true}, application, problems);
}

void check_users(ApplicationStore& store, const Application& application, Problems& problems) {
  std::vector<std::shared_ptr<const Application>> users;
  const auto records = store.snapshot();
  for (const auto& [name, record] : *records)
    if (record->deployed)
      if (auto user = store.application(name, *record->deployed)) users.push_back(*std::move(user));
  std::vector<const Application*> pointers;
  for (const auto& user : users) pointers.push_back(user.get());
  check_users(application, pointers, problems);
}

Result<void> check_unused(ApplicationStore& store, std::string_view name) {
  std::vector<std::string> users;
  const auto records = store.snapshot();
  for (const auto& [user, record] : *records) {
    if (!record->deployed || user == name) continue;
    const auto application = store.application(user, *record->deployed);
    if (!application) continue;
    std::vector<std::string_view> parts;
    for (const Part& part : (*application)->parts)
      if (part.shared && part.shared->application == name) parts.push_back(part.shared->part);
    if (!parts.empty()) users.push_back(fmt::format("{} ({})", in_quotes(user), listed(parts)));
  }
  if (users.empty()) return {};
  return failure(Error(ErrorCode::invalid_argument, fmt::format("other applications use what {} shares: {}",
                                                                in_quotes(name), fmt::join(users, ", ")))
                     .with_remedy("undeploy those first, or say --force (\"force\": true)"));
}

}  // namespace wattle::manager
