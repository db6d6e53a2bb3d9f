// What the blobstore providers share: links, the settings that all of them know, deadlines, listing by
// offset, and what a component sees of a failure. A backend is then a BlobStore.
//
// Settings of a link that every backend understands:
//
//   containers            the containers that the link may use, with commas. Default: all
//   alias_NAME            the container that NAME stands for, and alias_NAME as well
//   timeout_ms            of what moves no content, beside the caller's deadline; 10000
//   transfer_timeout_ms   of reading or writing an object; 600000
#pragma once

#include <map>

#include "capability/blobstore.h"
#include "providers/in_flight.h"
#include "providers/link_table.h"
#include "providers/settings.h"

namespace wattle::providers {

// A backend as one link sees it. Waits end with the fiber's deadline, which is always set. Errors hold no
// secret. Names are not empty.
class BlobStore {
 public:
  struct Page {
    std::vector<std::string> names;
    bool more = false;
  };

  virtual ~BlobStore() = default;
  virtual Result<void> create_container(const std::string& name) = 0;
  virtual Result<bool> container_exists(const std::string& name) = 0;
  virtual Result<void> delete_container(const std::string& name) = 0;
  virtual Result<void> clear_container(const std::string& name) = 0;
  virtual Result<capability::ContainerMetadata> container_info(const std::string& name) = 0;
  // At most `limit` names behind `after` (empty: from the first), in the order of their bytes.
  virtual Result<Page> list(const std::string& container, const std::string& after, size_t limit) = 0;
  // Opens the object and returns what writes the bytes `first` to `last` into a pipe; called on another
  // fiber. Refused: not_found.
  using Transfer = std::function<Result<void>(async::Pipe&)>;
  virtual Result<Transfer> read(const capability::ObjectId& id, uint64_t first, uint64_t last) = 0;
  virtual Result<void> write(const capability::ObjectId& id, async::Pipe& from) = 0;
  // Refused: not_found (the object, the container).
  virtual Result<capability::ObjectMetadata> object_info(const capability::ObjectId& id) = 0;
  virtual Result<void> delete_object(const capability::ObjectId& id) = 0;
  virtual Result<void> delete_objects(const std::string& container,
                                      const std::vector<std::string>& names) = 0;
  virtual Result<void> copy_object(const capability::ObjectId& from, const capability::ObjectId& to) = 0;
  virtual capability::Health health() { return {}; }
};

class BlobstoreProvider : public capability::Provider, private capability::Blobstore {
 public:
  explicit BlobstoreProvider(const capability::ProviderContext& context) : context_(context) {}

  Result<void> put_link(const capability::ProviderLink& link) override;
  void delete_link(const capability::ProviderLink& link) override { links_.erase(link); }
  Result<void> update_config(const std::map<std::string, std::string>& config) override;
  capability::Health health() override;
  void drain() override { in_flight_.wait(); }
  capability::Blobstore* blobstore() override { return this; }

 protected:
  // What was configured, as settings of one value each: for a backend that has them in other forms too.
  // Refused: invalid_argument.
  virtual Result<Settings::Map> unfold(const Settings::Map& config) const { return config; }
  // Does not wait for the backend. Refused: invalid_argument.
  virtual Result<std::shared_ptr<BlobStore>> make_store(const capability::ProviderLink& link,
                                                        const Settings& settings) = 0;
  const capability::ProviderContext& context() const { return context_; }

 private:
  struct Link {
    std::shared_ptr<BlobStore> store;
    std::vector<std::string> containers;  // empty: all
    std::map<std::string, std::string, std::less<>> aliases;
    Duration timeout{};
    Duration transfer_timeout{};
    capability::ProviderLink put;
    // The name before an offset, of listings that are being read: container and offset to name.
    std::map<std::pair<std::string, uint64_t>, std::string> listed;
  };

  enum class Kind : uint8_t { question, transfer };
  // Runs `operation(link)` of the caller's link.
  template <class T, class Operation>
  capability::BlobResult<T> run(const capability::Caller& caller, std::string_view what, Kind kind,
                                Operation operation);
  static Result<std::string> container(const Link& link, std::string_view name);
  static Result<capability::ObjectId> object(const Link& link, const capability::ObjectId& id);
  static Result<std::vector<std::string>> list(Link& link, const std::string& container, uint64_t offset,
                                               uint64_t limit);
  static Result<void> copy(const Link& link, const capability::ObjectId& from, const capability::ObjectId& to,
                           bool move);
  void begin_transfer(std::shared_ptr<Link> link, BlobStore::Transfer transfer,
                      std::shared_ptr<async::Pipe> into);

  capability::BlobResult<void> create_container(const capability::Caller& caller,
                                                std::string_view name) override;
  capability::BlobResult<bool> container_exists(const capability::Caller& caller,
                                                std::string_view name) override;
  capability::BlobResult<void> delete_container(const capability::Caller& caller,
                                                std::string_view name) override;
  capability::BlobResult<void> clear_container(const capability::Caller& caller,
                                               std::string_view name) override;
  capability::BlobResult<capability::ContainerMetadata> container_info(const capability::Caller& caller,
                                                                       std::string_view name) override;
  capability::BlobResult<std::vector<std::string>> list_objects(const capability::Caller& caller,
                                                                std::string_view name, uint64_t offset,
                                                                uint64_t limit) override;
  capability::BlobResult<void> read_object(const capability::Caller& caller, const capability::ObjectId& id,
                                           uint64_t first, uint64_t last,
                                           std::shared_ptr<async::Pipe> into) override;
  capability::BlobResult<void> write_object(const capability::Caller& caller, const capability::ObjectId& id,
                                            async::Pipe& from) override;
  capability::BlobResult<bool> has_object(const capability::Caller& caller,
                                          const capability::ObjectId& id) override;
  capability::BlobResult<capability::ObjectMetadata> object_info(const capability::Caller& caller,
                                                                 const capability::ObjectId& id) override;
  capability::BlobResult<void> delete_object(const capability::Caller& caller,
                                             const capability::ObjectId& id) override;
  capability::BlobResult<void> delete_objects(const capability::Caller& caller, std::string_view name,
                                              const std::vector<std::string>& names) override;
  capability::BlobResult<void> copy_object(const capability::Caller& caller, const capability::ObjectId& from,
                                           const capability::ObjectId& to) override;
  capability::BlobResult<void> move_object(const capability::Caller& caller, const capability::ObjectId& from,
                                           const capability::ObjectId& to) override;

  capability::ProviderContext context_;
  LinkTable<Link> links_;
  InFlight in_flight_;
};

// What every blobstore provider's factory offers.
std::vector<std::string> blobstore_interfaces();

}  // namespace wattle::providers
