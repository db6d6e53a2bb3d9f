// A blobstore on S3.
#pragma once

#include "providers/blobstore_provider.h"
#include "providers/blobstore_s3/client.h"

namespace wattle::providers::s3 {

// Seconds since 1970 of "Wed, 21 Oct 2015 07:28:00 GMT", and of "2015-10-21T07:28:00.000Z"; 0 of anything
// else.
uint64_t seconds_of_http_date(std::string_view text);
uint64_t seconds_of_iso_date(std::string_view text);

class Store final : public BlobStore, public std::enable_shared_from_this<Store> {
 public:
  static constexpr size_t kPartBytes = 8 * 1024 * 1024;

  Store(async::Worker& worker, async::OffloadPool& blocking, ClientSettings settings)
      : client_(worker, blocking, std::move(settings)) {}

  Result<void> create_container(const std::string& name) override;
  Result<bool> container_exists(const std::string& name) override;
  Result<void> delete_container(const std::string& name) override;
  Result<void> clear_container(const std::string& name) override;
  Result<capability::ContainerMetadata> container_info(const std::string& name) override;
  Result<Page> list(const std::string& container, const std::string& after, size_t limit) override;
  Result<Transfer> read(const capability::ObjectId& id, uint64_t first, uint64_t last) override;
  Result<void> write(const capability::ObjectId& id, async::Pipe& from) override;
  Result<capability::ObjectMetadata> object_info(const capability::ObjectId& id) override;
  Result<void> delete_object(const capability::ObjectId& id) override;
  Result<void> delete_objects(const std::string& container, const std::vector<std::string>& names) override;
  Result<void> copy_object(const capability::ObjectId& from, const capability::ObjectId& to) override;
  capability::Health health() override;

 private:
  // An upload in parts, of which `first` is the first; the rest comes from `from`.
  Result<void> write_in_parts(const capability::ObjectId& id, std::string first, async::Pipe& from);
  Result<void> send_parts(const capability::ObjectId& id, const std::string& upload, std::string part,
                          async::Pipe& from);

  Client client_;
};

}  // namespace wattle::providers::s3
