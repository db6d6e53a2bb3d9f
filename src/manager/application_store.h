// The applications of a lattice: manifests by version, which version is deployed, and what happened. Every
// manager has a whole copy of it, and what was accepted is never lost (lattice::Store).
//
//   WATTLE_TRY(auto store, ApplicationStore::open(bus, {.lattice = "default", .path = ".../manifests"}));
//   WATTLE_CHECK(store->wait_ready());
//   WATTLE_TRY(auto put, store->put(application, text));
//   WATTLE_TRY(auto version, store->deploy("shop", {}));
//
//   app/NAME             the record (application_record.h): the one place that says what there is
//   manifest/NAME/ULID   a manifest's text. Each put has a key of its own, written before the record that
//                        names it and removed after: whoever is killed in between leaves nothing but a text
//                        that no record names, which is swept away later
//   note/NAME            text of the reconciler: what is still to be taken down
//
// A version is immutable. Belongs to one worker, as its store does; every function may be called on several
// fibers at once, and by several managers.
#pragma once

#include <functional>
#include <set>

#include "lattice/store.h"
#include "manager/application_record.h"
#include "manager/images.h"
#include "manager/manifest.h"

namespace wattle::manager {

class ApplicationStore {
 public:
  using Records = std::map<std::string, std::shared_ptr<const ApplicationRecord>, std::less<>>;
  struct Put {
    bool is_new_application = false;
    bool is_new_version = false;  // false: this very text was there already
    std::string version{};
    size_t total_versions = 0;
  };
  enum class IfDeployed : uint8_t { refuse, undeploy };
  struct Removed {
    bool found = false;       // false: there was nothing to remove
    bool undeployed = false;  // what was removed had been deployed
  };

  // Refused as lattice::Store::open; the options' name is always "manifests".
  static Result<std::unique_ptr<ApplicationStore>> open(lattice::Bus& bus, lattice::StoreOptions options,
                                                        ImageTable images = default_images());
  const ImageTable& images() const { return images_; }

  // As lattice::Store::wait_ready; then sweeps texts that no record has named for an hour.
  Result<void> wait_ready();
  bool ready() const { return store_->ready(); }

  // Every change is refused as lattice::Store's are; unsupported where the record is of a newer format. One
  // that changes nothing is acknowledged when what is there is as safe as if it had been written now.

  // `application` has been read from `text`, and checked. Refused: invalid_argument (name, version, a text
  // beyond what the bus carries), already_exists (the version is there with another text), overloaded
  // (kVersionsMax; or so many that the record would have no room to be deployed and undeployed).
  Result<Put> put(const Application& application, std::string_view text);
  // As it was put. Refused: not_found, naming the versions there are.
  Result<std::string> manifest(std::string_view name, std::string_view version);
  // The same, read once: with the version, which the text of one that was put without does not have. Refused
  // also: invalid, for what this wattle does not take any more.
  Result<std::shared_ptr<const Application>> application(std::string_view name, std::string_view version);

  // Without a version: the newest. Returns the version. Refused: not_found.
  Result<std::string> deploy(std::string_view name, std::optional<std::string_view> version,
                             std::string_view why = {});
  // One that is not deployed is no failure. Refused: not_found.
  Result<void> undeploy(std::string_view name, std::string_view why = {});
  // Deploys `version`, and the history says why; nothing where `from` is given and not what is deployed any
  // more, since somebody has decided already. Refused: not_found.
  Result<void> roll_back(std::string_view name, std::optional<std::string_view> from,
                         std::string_view version, std::string_view why);
  // One version, or the whole application; its note stays. Refused: invalid_argument, while it is deployed.
  Result<Removed> remove(std::string_view name, std::optional<std::string_view> version,
                         IfDeployed if_deployed = IfDeployed::refuse);

  // Every application at one moment, those with unreadable records too. Never null.
  std::shared_ptr<const Records> snapshot();
  // Null: there is none.
  std::shared_ptr<const ApplicationRecord> find(std::string_view name);
  // Notified when a record, a manifest or a note is another.
  async::Signal& changed() { return store_->changed(); }
  // All that is stored now; and the applications of which something is another than it was `before`, which is
  // null for nothing.
  std::shared_ptr<const lattice::StoreSnapshot> values() { return store_->snapshot(); }
  std::set<std::string> changed_since(const lattice::StoreSnapshot* before);

  std::optional<std::string> note(std::string_view name);
  Result<void> put_note(std::string_view name, std::string_view text);
  Result<void> remove_note(std::string_view name);

 private:
  ApplicationStore(std::unique_ptr<lattice::Store> store, ImageTable images, size_t payload_bytes_max)
      : store_(std::move(store)), images_(std::move(images)), payload_bytes_max_(payload_bytes_max) {}
  // What `edit` makes of the record; it returns whether it is to be another.
  using Edit = std::function<Result<bool>(ApplicationRecord& record)>;
  Result<void> change(std::string_view name, const Edit& edit);
  // The most that a value of the store may have.
  size_t value_bytes_max() const;
  Result<void> put_version(const StoredVersion& version, std::string_view name, std::string_view text,
                           Put& put);
  void remove_manifests(std::string_view name, const std::vector<std::string>& keys);
  void sweep();

  Result<const StoredVersion*> find_version(const ApplicationRecord* record, std::string_view name,
                                            std::string_view version) const;
  void forget_applications();
  struct Read {
    std::shared_ptr<const std::string> text{};
    std::shared_ptr<const ApplicationRecord> record{};
  };
  // Of `text`, once.
  std::shared_ptr<const ApplicationRecord> read(std::string_view name,
                                                const std::shared_ptr<const std::string>& text);

  std::unique_ptr<lattice::Store> store_;
  ImageTable images_;
  size_t payload_bytes_max_;
  std::map<std::string, Read, std::less<>> read_;
  // What snapshot() made last, and of which values.
  std::shared_ptr<const lattice::StoreSnapshot> seen_;
  std::shared_ptr<const Records> records_ = std::make_shared<const Records>();
  std::map<std::string, std::shared_ptr<const Application>, std::less<>> applications_;  // by manifest
};

}  // namespace wattle::manager
