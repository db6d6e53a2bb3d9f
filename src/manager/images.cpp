#include "manager/images.h"

#include <algorithm>

#include "manager/images_fields.h"

namespace wattle::manager {
namespace {

constexpr size_t kReferenceBytesMax = 512;

std::map<std::string, std::string, std::less<>> plain(const TextMap& map) {
  std::map<std::string, std::string, std::less<>> out;
  for (const auto& [key, text] : map) out.emplace(key, text.value);
  return out;
}

// What images and interfaces are made of: ASCII that can be seen, but for quotes and what escapes.
bool is_reference(std::string_view text) {
  return !text.empty() && text.size() <= kReferenceBytesMax &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return c > ' ' && c <= '~' && c != '"' && c != '\\'; });
}

void append(std::string& out, std::string_view section,
            const std::map<std::string, std::string, std::less<>>& entries) {
  out += fmt::format("{}:{}\n", section, entries.empty() ? " {}" : "");
  for (const auto& [key, value] : entries) out += fmt::format("  \"{}\": \"{}\"\n", key, value);
}

}  // namespace

ImageTable default_images() {
  ImageTable table;
  for (const std::string name :
       {"http-server", "http-client", "keyvalue-redis", "keyvalue-nats", "blobstore-fs", "blobstore-s3",
        "blobstore-nats", "messaging-nats", "sqldb-postgres"})
    table.images.emplace("ghcr.io/wasmcloud/" + name, "builtin://" + name);
  for (const std::string name : {"http-server", "http-client", "messaging-nats"})
    table.images.emplace("wasmcloud+builtin://" + name, "builtin://" + name);
  table.interfaces = {
      {"wasi:http/incoming-handler", "builtin://http-server"},
      {"wasi:http/outgoing-handler", "builtin://http-client"},
      {"wasi:keyvalue", "builtin://keyvalue-nats"},
      {"wasi:keyvalue#nats", "builtin://keyvalue-nats"},
      {"wasi:keyvalue#redis", "builtin://keyvalue-redis"},
      {"wasi:keyvalue#postgres", "builtin://keyvalue-postgres"},
      {"wasi:keyvalue#memory", "builtin://keyvalue-memory"},
      {"wasi:keyvalue#in-memory", "builtin://keyvalue-memory"},
      {"wasi:blobstore", "builtin://blobstore-nats"},
      {"wasi:blobstore#nats", "builtin://blobstore-nats"},
      {"wasi:blobstore#filesystem", "builtin://blobstore-fs"},
      {"wasi:blobstore#s3", "builtin://blobstore-s3"},
      {"wasmcloud:messaging", "builtin://messaging-nats"},
      {"wasmcloud:messaging#nats", "builtin://messaging-nats"},
      {"wasmcloud:postgres", "builtin://sqldb-postgres"},
      {"wasmcloud:secrets", "builtin://secrets-nats"},
      {"wasmcloud:secrets#nats", "builtin://secrets-nats"},
      {"wasmcloud:secrets#file", "builtin://secrets-file"},
  };
  return table;
}

ImageTable read_images(std::string_view yaml, Problems& problems) {
  const auto documents = read_yaml(yaml, problems);
  ImageTable table;
  if (documents.size() != 1 || documents[0].kind != YamlKind::map) {
    if (!problems.any_errors())
      problems.error({}, "this is no table of images", "\"wattle app images\" prints one to begin with");
    return table;
  }
  const auto file = read_document<images::Table>(documents[0], problems);
  table.images = plain(file.images);
  table.interfaces = plain(file.interfaces);
  for (const auto* section : {&file.images, &file.interfaces})
    for (const auto& [key, value] : *section)
      for (const std::string_view reference : {std::string_view(key), std::string_view(value.value)})
        if (!is_reference(reference))
          problems.mismatch(value.place, "a reference on both sides, as \"builtin://http-server\"",
                            fmt::format("the text {}", in_quotes(reference)));
  for (const auto& [image, value] : file.images)
    if (without_version(image) != image)
      problems.mismatch(value.place, "an image without its version",
                        fmt::format("the text {}", in_quotes(image)),
                        fmt::format("write {}", in_quotes(without_version(image))));
  return table;
}

std::string to_yaml(const ImageTable& table) {
  std::string out;
  append(out, "images", table.images);
  append(out, "interfaces", table.interfaces);
  return out;
}

std::string_view without_version(std::string_view image) {
  if (image.starts_with("oci://")) image.remove_prefix(6);
  image = image.substr(0, image.find('@'));
  // The version stands behind the last path segment's colon; one before that is a registry's port.
  const size_t slash = image.rfind('/');
  const size_t colon = image.rfind(':');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash))
    image = image.substr(0, colon);
  return image;
}

std::string reference_of(const ImageTable& table, std::string_view image) {
  const auto found = table.images.find(without_version(image));
  return found == table.images.end() ? std::string(image) : found->second;
}

std::string_view provider_of(const ImageTable& table, std::string_view wit_namespace,
                             std::string_view wit_package, std::string_view interface,
                             std::string_view backend) {
  const std::string package = fmt::format("{}:{}", wit_namespace, wit_package);
  const std::string whole = fmt::format("{}/{}", package, interface);
  for (const std::string* name : {&whole, &package}) {
    const auto found = table.interfaces.find(backend.empty() ? *name : fmt::format("{}#{}", *name, backend));
    if (found != table.interfaces.end()) return found->second;
  }
  return {};
}

void resolve_images(Application& application, const ImageTable& table) {
  for (Part& part : application.parts)
    if (!part.shared && !part.platform) part.reference = reference_of(table, part.image);
}

}  // namespace wattle::manager
