#include "lattice/secret_reference.h"

namespace wattle::lattice {
namespace {

constexpr std::string_view kPrefix = "SECRET_";
constexpr std::string_view kType = "secret.wasmcloud.dev/v1alpha1";

std::string field_of(const StringMap& values, const std::string& name) {
  const auto found = values.find(name);
  return found == values.end() ? std::string() : found->second;
}

}  // namespace

bool names_secret(std::string_view config) {
  return config.starts_with(kPrefix);
}

std::string secret_config(std::string_view name) {
  return fmt::format("{}{}", kPrefix, name);
}

Result<SecretReference> parse_secret_reference(std::string_view config, const StringMap& values) {
  const auto refuse = [&](std::string_view why) {
    return failure(
        Error(ErrorCode::malformed, fmt::format("the config \"{}\" refers to no secret: {}", config, why))
            .with_remedy("put the reference with \"wattle secrets put\""));
  };
  if (const std::string type = field_of(values, "type"); type != kType)
    return refuse(fmt::format("its \"type\" is not {}", kType));
  SecretReference reference{.name = field_of(values, "name"),
                            .backend = field_of(values, "backend"),
                            .key = field_of(values, "key"),
                            .field = field_of(values, "field"),
                            .version = field_of(values, "version"),
                            .policy = field_of(values, "policy")};
  if (reference.backend.empty()) return refuse("it has no \"backend\"");
  if (reference.key.empty()) return refuse("it has no \"key\"");
  if (reference.name.empty()) reference.name = config.substr(names_secret(config) ? kPrefix.size() : 0);
  if (reference.policy.empty()) reference.policy = "{}";
  return reference;
}

StringMap to_map(const SecretReference& reference) {
  StringMap values{{"name", reference.name},
                   {"type", std::string(kType)},
                   {"backend", reference.backend},
                   {"key", reference.key},
                   {"policy", reference.policy}};
  if (!reference.field.empty()) values["field"] = reference.field;
  if (!reference.version.empty()) values["version"] = reference.version;
  return values;
}

}  // namespace wattle::lattice
