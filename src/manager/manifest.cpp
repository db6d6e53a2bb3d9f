#include "manager/manifest.h"

#include <algorithm>

namespace wattle::manager {
namespace {

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::string one_word(std::string_view text) {
  std::string out;
  // One "_" for a character, of however many bytes.
  for (const char c : text) {
    if (is_letter_or_digit(c))
      out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    else if ((static_cast<unsigned char>(c) & 0xc0) != 0x80)
      out += '_';
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = std::min(text.find_first_not_of(" \t\n"), text.size());
  return text.substr(begin, text.find_last_not_of(" \t\n") + 1 - begin);
}

bool is_word(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return is_letter_or_digit(c) || c == '-' || c == '_'; });
}

Result<Allowance> parse_allowance(std::string_view text) {
  const size_t equals = std::min(text.find('='), text.size());
  const std::string_view interface = text.substr(std::min(equals + 1, text.size()));
  const size_t colon = std::min(interface.find(':'), interface.size());
  const size_t slash = std::min(interface.find('/'), interface.size());
  Allowance allowance{std::string(trimmed(text.substr(0, equals))), {}, {}, {}};
  bool fits = allowance.application == "*" || is_word(allowance.application);
  if (equals != text.size()) {
    allowance.wit_namespace = trimmed(interface.substr(0, colon));
    allowance.wit_package =
        colon < slash ? trimmed(interface.substr(colon + 1, slash - colon - 1)) : std::string_view();
    allowance.interface = trimmed(interface.substr(std::min(slash + 1, interface.size())));
    fits &= is_word(allowance.wit_namespace) && is_word(allowance.wit_package);
    fits &= slash == interface.size() || is_word(allowance.interface);
  }
  if (fits) return allowance;
  return failure(
      Error(ErrorCode::invalid_argument, fmt::format("{} names no application", in_quotes(text)))
          .with_remedy("write shop, shop=wasi:keyvalue, shop=wasi:keyvalue/store or *=wasi:http, with "
                       "commas between them"));
}

std::vector<std::string> config_names(const std::vector<Config>& configs,
                                      const std::vector<Secret>& secrets) {
  std::vector<std::string> names;
  names.reserve(configs.size() + secrets.size());
  for (const Config& config : configs) names.push_back(config.name);
  for (const Secret& secret : secrets) names.push_back(secret.name);
  return names;
}

}  // namespace

bool is_file(std::string_view image) {
  return image.starts_with("./") || image.starts_with("../") || image.starts_with("/");
}

std::vector<std::string_view> part_names(const Application& application) {
  std::vector<std::string_view> names;
  names.reserve(application.parts.size());
  for (const Part& part : application.parts) names.push_back(part.name);
  return names;
}

const Part* find_part(const Application& application, std::string_view name) {
  const auto found = std::find_if(application.parts.begin(), application.parts.end(),
                                  [&](const Part& part) { return part.name == name; });
  return found == application.parts.end() ? nullptr : &*found;
}

std::string generated_name(std::string_view application, std::string_view name) {
  return one_word(application) + "-" + one_word(name);
}

std::string generated_secret_name(std::string_view application, std::string_view name) {
  return "SECRET_" + generated_name(application, name);
}

std::vector<const Application*> pointers_to(std::span<const Application> applications) {
  std::vector<const Application*> pointers;
  pointers.reserve(applications.size());
  for (const Application& application : applications) pointers.push_back(&application);
  return pointers;
}

const std::string* shared_id(const Part& part, Applications others) {
  if (!part.shared || part.id_given) return nullptr;
  for (const Application* other : others) {
    if (other->name != part.shared->application) continue;
    if (const Part* target = find_part(*other, part.shared->part)) return &target->id;
  }
  return nullptr;
}

void take_shared_ids(Application& application, Applications others) {
  for (Part& part : application.parts)
    if (const std::string* id = shared_id(part, others)) part.id = *id;
}

lattice::Link lattice_link(const Application& application, const Link& link) {
  lattice::Link out;
  out.source_id = find_part(application, link.source)->id;
  out.target = find_part(application, link.target)->id;
  out.name = link.name;
  out.wit_namespace = link.wit_namespace;
  out.wit_package = link.wit_package;
  out.interfaces = link.interfaces;
  out.source_config = config_names(link.source_configs, link.source_secrets);
  out.target_config = config_names(link.target_configs, link.target_secrets);
  return out;
}

Result<std::vector<Allowance>> parse_allowances(std::string_view text) {
  std::vector<Allowance> out;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    WATTLE_TRY(Allowance allowance, parse_allowance(trimmed(text.substr(begin, end - begin))));
    out.push_back(std::move(allowance));
    begin = end + 1;
  }
  return out;
}

bool may_use(const Application& owner, std::string_view application, std::string_view wit_namespace,
             std::string_view wit_package, std::string_view interface) {
  if (owner.name == application) return true;
  if (!owner.shared) return false;
  if (owner.allowances.empty()) return true;
  return std::any_of(owner.allowances.begin(), owner.allowances.end(), [&](const Allowance& allowance) {
    if (allowance.application != "*" && allowance.application != application) return false;
    if (interface.empty() || allowance.wit_namespace.empty()) return true;
    return allowance.wit_namespace == wit_namespace && allowance.wit_package == wit_package &&
           (allowance.interface.empty() || allowance.interface == interface);
  });
}

}  // namespace wattle::manager
