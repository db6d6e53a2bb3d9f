#include "providers/blobstore_s3/blobstore_s3.h"

#include "providers/blobstore_s3/store.h"

namespace wattle::providers {
namespace {

class S3Provider final : public BlobstoreProvider {
 public:
  explicit S3Provider(const capability::ProviderContext& context) : BlobstoreProvider(context) {}

 private:
  Result<Settings::Map> unfold(const Settings::Map& config) const override {
    return s3::unfold_settings(config);
  }
  Result<std::shared_ptr<BlobStore>> make_store(const capability::ProviderLink&,
                                                const Settings& settings) override {
    WATTLE_TRY(s3::ClientSettings read, s3::read_client_settings(settings));
    return std::make_shared<s3::Store>(context().worker, context().blocking, std::move(read));
  }
};

class S3Factory final : public capability::ProviderFactory {
 public:
  std::string_view name() const override { return "blobstore-s3"; }
  std::vector<std::string> interfaces() const override { return blobstore_interfaces(); }
  Result<std::unique_ptr<capability::Provider>> make(const capability::ProviderContext& context) override {
    return std::make_unique<S3Provider>(context);
  }
};

}  // namespace

std::unique_ptr<capability::ProviderFactory> blobstore_s3_factory() {
  return std::make_unique<S3Factory>();
}

}  // namespace wattle::providers
