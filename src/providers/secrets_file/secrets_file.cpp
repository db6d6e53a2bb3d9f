#include "providers/secrets_file/secrets_file.h"

#include "providers/secrets_file/secret_folder.h"
#include "providers/secrets_provider.h"

namespace wattle::providers {
namespace {

class FileSecrets final : public SecretStore {
 public:
  FileSecrets(async::OffloadPool& blocking, SecretFolder folder)
      : blocking_(blocking), folder_(std::move(folder)) {}

  Result<capability::Secret> get(std::string_view key, std::string_view field,
                                 std::string_view version) override {
    WATTLE_TRY(auto secret, async::offload(blocking_, [&] { return folder_.read(key, version); }));
    if (!field.empty()) {
      WATTLE_TRY(secret.value, json_field(secret.value, field));
    }
    return secret;
  }

 private:
  async::OffloadPool& blocking_;
  SecretFolder folder_;
};

class FileSecretsProvider final : public SecretsProvider {
 public:
  explicit FileSecretsProvider(const capability::ProviderContext& context) : SecretsProvider(context) {}

 private:
  Result<std::shared_ptr<SecretStore>> make_store(const capability::ProviderLink&,
                                                  const Settings& settings) override {
    const auto root = settings.find("root");
    if (!root)
      return failure(Error(ErrorCode::invalid_argument, "the setting \"root\" is missing")
                         .with_remedy("name the folder that holds the secrets"));
    return std::make_shared<FileSecrets>(context().blocking, SecretFolder(*root));
  }
};

class FileSecretsFactory final : public capability::ProviderFactory {
 public:
  std::string_view name() const override { return "secrets-file"; }
  std::vector<std::string> interfaces() const override { return secrets_interfaces(); }
  Result<std::unique_ptr<capability::Provider>> make(const capability::ProviderContext& context) override {
    return std::make_unique<FileSecretsProvider>(context);
  }
};

}  // namespace

std::unique_ptr<capability::ProviderFactory> secrets_file_factory() {
  return std::make_unique<FileSecretsFactory>();
}

}  // namespace wattle::providers
