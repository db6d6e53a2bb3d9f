#include "lattice/borders.h"

#include <algorithm>

#include "lattice/json_fields.h"

namespace wattle::lattice {

template <class Visitor, class Self>
void list_fields(Visitor& fields, Self& self, const BorderPass&) {
  fields.required("application", self.application);
  fields.optional("wit_namespace", self.wit_namespace);
  fields.optional("wit_package", self.wit_package);
  fields.optional("interface", self.interface);
}

namespace {

struct StoredBorder {
  uint32_t version = kBorderVersion;      // that wrote it
  uint32_t readable_by = kBorderVersion;  // the oldest version that may read it
  Border border{};
};

template <class Visitor, class Self>
void list_fields(Visitor& fields, Self& self, const StoredBorder&) {
  fields.required("version", self.version);
  fields.required("readable_by", self.readable_by);
  fields.required("application", self.border.application);
  fields.optional("parts", self.border.parts);
  fields.optional("passes", self.border.passes);
  fields.unless_default("forming", self.border.forming);
}

bool lets(const BorderPass& pass, std::string_view application, const Link& link,
          std::string_view interface) {
  if (pass.application != "*" && pass.application != application) return false;
  if (pass.wit_namespace.empty()) return true;
  return pass.wit_namespace == link.wit_namespace && pass.wit_package == link.wit_package &&
         (pass.interface.empty() || pass.interface == interface);
}

}  // namespace

Result<Border> parse_border(std::string_view json) {
  WATTLE_TRY(StoredBorder stored, read_json<StoredBorder>(json, "a border"));
  if (stored.readable_by > kBorderVersion)
    return failure(ErrorCode::unsupported, "a border of format {} is for readers of format {} and later",
                   stored.version, stored.readable_by);
  return std::move(stored.border);
}

std::string to_json(const Border& border) {
  return write_json(StoredBorder{.border = border});
}

BorderTable::BorderTable(std::vector<Border> borders) : borders_(std::move(borders)) {
  for (size_t index = 0; index < borders_.size(); ++index)
    for (const std::string& id : borders_[index].parts) by_part_.try_emplace(id, index);
}

const Border* BorderTable::of(std::string_view id) const {
  const auto found = by_part_.find(id);
  return found == by_part_.end() ? nullptr : &borders_[found->second];
}

Result<void> BorderTable::check(const Link& link) const {
  const Border* from = of(link.source_id);
  const Border* into = of(link.target);
  if (from == nullptr || into == nullptr || from->application == into->application) return {};
  for (const std::string& interface : link.interfaces) {
    const bool allowed = std::any_of(into->passes.begin(), into->passes.end(), [&](const BorderPass& pass) {
      return lets(pass, from->application, link, interface);
    });
    if (allowed) continue;
    return failure(
        Error(ErrorCode::permission_denied,
              fmt::format("\"{}\" of the application {} may not use {}:{}/{} of \"{}\", which belongs to the "
                          "application {}",
                          link.source_id, from->application, link.wit_namespace, link.wit_package, interface,
                          link.target, into->application))
            .with_remedy(
                fmt::format("share it: annotate {} with experimental.wasmcloud.dev/shared: \"true\" and "
                            "wattle/shared-with: \"{}\", and deploy it",
                            into->application, from->application)));
  }
  return {};
}

}  // namespace wattle::lattice
