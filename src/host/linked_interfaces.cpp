#include "host/linked_interfaces.h"

namespace wattle::host {
namespace {

std::vector<std::string> linked(const std::vector<component::NamedExtern>& externs) {
  std::vector<std::string> names;
  for (const component::NamedExtern& each : externs) {
    const bool is_platforms = each.name.starts_with("wasi:") || each.name.starts_with("wasmcloud:");
    if (each.type->sort == component::Sort::instance && !is_platforms &&
        each.name.find('/') != std::string::npos)
      names.push_back(each.name);
  }
  return names;
}

}  // namespace

lattice::ComponentInterfaces linked_interfaces(const component::ComponentType& type) {
  return {linked(type.imports), linked(type.exports)};
}

}  // namespace wattle::host
