#include "component/substitution.h"

namespace wattle::component {
namespace {
// A node made costs memory too: it counts as much as this many visits.
constexpr uint64_t kCost = 50;
}  // namespace

wit::ResourceId Substitution::apply(wit::ResourceId id) {
  if (const auto known = map_.find(id); known != map_.end()) return known->second;
  if (!all_fresh_ && !fresh_.contains(id)) return id;
  const wit::ResourceId made = next_resource_++;
  made_.push_back(made);
  return map_[id] = made;
}

bool Substitution::is_untouched(bool has_resources, uint64_t parts) {
  return (!has_resources && types_.empty()) || !table_.spend(kCost * (1 + parts));
}

wit::TypeRef Substitution::apply(const wit::TypeRef& type) {
  if (type == nullptr || is_untouched(table_.info(type).has_resources, type->members.size())) return type;
  if (const auto replaced = types_.find(type.get()); replaced != types_.end()) return replaced->second;
  if (const auto done = done_.find(type.get()); done != done_.end())
    return std::static_pointer_cast<const wit::Type>(done->second);
  wit::Type made;
  made.kind = type->kind;
  if (type->kind == wit::Kind::own || type->kind == wit::Kind::borrow) made.resource = apply(type->resource);
  bool changed = made.resource != type->resource;
  for (const wit::Member& member : type->members) {
    made.members.push_back({member.name, apply(member.type)});
    changed = changed || made.members.back().type != member.type;
  }
  wit::TypeRef result = type;
  if (changed) {
    // Same shape as before, so neither size nor depth can be refused.
    if (auto added = table_.add(std::move(made), 0, table_.info(type).alias)) result = *std::move(added);
  }
  done_[type.get()] = result;
  return result;
}

std::shared_ptr<const wit::FunctionType> Substitution::apply(
    const std::shared_ptr<const wit::FunctionType>& type) {
  if (type == nullptr || is_untouched(table_.info(*type).has_resources, type->parameters.size())) return type;
  if (const auto done = done_.find(type.get()); done != done_.end())
    return std::static_pointer_cast<const wit::FunctionType>(done->second);
  wit::FunctionType made;
  made.is_async = type->is_async;
  made.result = apply(type->result);
  bool changed = made.result != type->result;
  for (const wit::Member& parameter : type->parameters) {
    made.parameters.push_back({parameter.name, apply(parameter.type)});
    changed = changed || made.parameters.back().type != parameter.type;
  }
  auto result = type;
  if (changed) {
    if (auto added = table_.add(std::move(made), 0)) result = *std::move(added);
  }
  done_[type.get()] = result;
  return result;
}

std::shared_ptr<const InstanceType> Substitution::apply(const std::shared_ptr<const InstanceType>& type) {
  if (type == nullptr || is_untouched(type->has_resources, type->exports.size())) return type;
  if (const auto done = done_.find(type.get()); done != done_.end())
    return std::static_pointer_cast<const InstanceType>(done->second);
  InstanceType made;
  made.bound_resources = apply(type->bound_resources);
  bool changed = made.bound_resources != type->bound_resources;
  made.exports = apply(type->exports, changed);
  made.size = type->size;
  made.depth = type->depth;
  made.has_resources = type->has_resources;
  auto result = changed ? std::make_shared<const InstanceType>(std::move(made)) : type;
  done_[type.get()] = result;
  return result;
}

std::shared_ptr<const ComponentType> Substitution::apply(const std::shared_ptr<const ComponentType>& type) {
  if (type == nullptr || is_untouched(type->has_resources, type->imports.size() + type->exports.size()))
    return type;
  if (const auto done = done_.find(type.get()); done != done_.end())
    return std::static_pointer_cast<const ComponentType>(done->second);
  ComponentType made;
  made.imported_resources = apply(type->imported_resources);
  made.defined_resources = apply(type->defined_resources);
  bool changed = made.imported_resources != type->imported_resources ||
                 made.defined_resources != type->defined_resources;
  made.imports = apply(type->imports, changed);
  made.exports = apply(type->exports, changed);
  made.size = type->size;
  made.depth = type->depth;
  made.has_resources = type->has_resources;
  auto result = changed ? std::make_shared<const ComponentType>(std::move(made)) : type;
  done_[type.get()] = result;
  return result;
}

std::shared_ptr<const ExternType> Substitution::apply(const std::shared_ptr<const ExternType>& type) {
  if (type == nullptr || is_untouched(table_.info(*type).has_resources, 0)) return type;
  ExternType made = apply(*type);
  const bool same = made.function == type->function && made.instance == type->instance &&
                    made.component == type->component && made.type.resource == type->type.resource &&
                    made.type.value_type == type->type.value_type && made.value == type->value;
  return same ? type : std::make_shared<const ExternType>(std::move(made));
}

ExternType Substitution::apply(const ExternType& type) {
  ExternType made = type;
  made.function = apply(type.function);
  made.instance = apply(type.instance);
  made.component = apply(type.component);
  if (type.type.resource) made.type.resource = apply(*type.type.resource);
  made.type.value_type = apply(type.type.value_type);
  made.type.source = apply(type.type.source);
  made.value = apply(type.value);
  return made;
}

std::vector<NamedExtern> Substitution::apply(const std::vector<NamedExtern>& items, bool& changed) {
  std::vector<NamedExtern> made;
  made.reserve(items.size());
  for (const NamedExtern& item : items) {
    made.push_back({item.name, apply(item.type)});
    changed = changed || made.back().type != item.type;
  }
  return made;
}

std::vector<wit::ResourceId> Substitution::apply(const std::vector<wit::ResourceId>& ids) {
  std::vector<wit::ResourceId> made;
  made.reserve(ids.size());
  for (const wit::ResourceId id : ids) made.push_back(apply(id));
  return made;
}

namespace {

// Looks for a resource that none of the enclosing declarations binds.
class FreeResourceSearch {
 public:
  explicit FreeResourceSearch(TypeTable& table) : table_(table) {}

  bool found(const ExternType& type) {
    if (!table_.info(type).has_resources || !table_.spend()) return false;
    if (type.type.resource && !bound_.contains(*type.type.resource)) return true;
    if (found(type.type.value_type)) return true;
    if (type.function) {
      for (const wit::Member& parameter : type.function->parameters)
        if (found(parameter.type)) return true;
      return found(type.function->result);
    }
    if (type.instance) {
      bind(type.instance->bound_resources);
      return any(type.instance->exports);
    }
    if (type.component) {
      bind(type.component->imported_resources);
      bind(type.component->defined_resources);
      return any(type.component->imports) || any(type.component->exports);
    }
    return false;
  }

 private:
  // Ids are unique within a component, so what is bound somewhere is never free elsewhere.
  void bind(const std::vector<wit::ResourceId>& ids) { bound_.insert(ids.begin(), ids.end()); }

  bool any(const std::vector<NamedExtern>& items) {
    for (const NamedExtern& item : items)
      if (found(*item.type)) return true;
    return false;
  }
  bool found(const wit::TypeRef& type) {
    if (type == nullptr || !table_.info(type).has_resources || !table_.spend()) return false;
    if (!visited_.insert(type.get()).second) return false;
    if (type->kind == wit::Kind::own || type->kind == wit::Kind::borrow)
      return !bound_.contains(type->resource);
    for (const wit::Member& member : type->members)
      if (found(member.type)) return true;
    return false;
  }

  TypeTable& table_;
  std::unordered_set<wit::ResourceId> bound_;
  std::unordered_set<const wit::Type*> visited_;
};

}  // namespace

bool has_free_resources(TypeTable& table, const ExternType& type) {
  return FreeResourceSearch(table).found(type);
}

}  // namespace wattle::component
