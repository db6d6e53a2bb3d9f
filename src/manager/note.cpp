#include "manager/note.h"

#include <boost/json.hpp>

namespace wattle::manager {
namespace {

namespace json = boost::json;

json::array array_of(const std::set<std::string>& texts) {
  json::array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

Result<std::string> text_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr) return std::string();
  if (!value->is_string()) return failure(ErrorCode::malformed, "a note's \"{}\" is no text", key);
  return std::string(value->get_string());
}

Result<const json::array*> list_of(const json::object& object, std::string_view key) {
  static const json::array kNone;
  const auto* value = object.if_contains(key);
  if (value == nullptr) return &kNone;
  if (!value->is_array()) return failure(ErrorCode::malformed, "a note's \"{}\" is no list", key);
  return &value->get_array();
}

Result<std::set<std::string>> texts_of(const json::object& object, std::string_view key) {
  WATTLE_TRY(const auto* list, list_of(object, key));
  std::set<std::string> out;
  for (const json::value& value : *list) {
    if (!value.is_string())
      return failure(ErrorCode::malformed, "a note's \"{}\" holds what is no text", key);
    out.emplace(value.get_string());
  }
  return out;
}

Result<LinkGroup> group_of(const json::value& value) {
  if (!value.is_object()) return failure(ErrorCode::malformed, "a note's link is no object");
  const json::object& object = value.get_object();
  LinkGroup group;
  WATTLE_TRY(group.source_id, text_of(object, "source_id"));
  WATTLE_TRY(group.name, text_of(object, "name"));
  WATTLE_TRY(group.wit_namespace, text_of(object, "wit_namespace"));
  WATTLE_TRY(group.wit_package, text_of(object, "wit_package"));
  return group;
}

Result<uint32_t> number_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr) return 0u;
  boost::system::error_code problem;
  const auto number = value->to_number<uint32_t>(problem);
  if (problem) return failure(ErrorCode::malformed, "a note's \"{}\" is no number", key);
  return number;
}

Result<std::vector<std::string>> names_of(const json::object& object, std::string_view key) {
  WATTLE_TRY(const auto names, texts_of(object, key));
  return std::vector<std::string>(names.begin(), names.end());
}

json::array array_of(const std::vector<std::string>& texts) {
  return json::array(texts.begin(), texts.end());
}

json::array array_of(const KnownInterfaces& known) {
  json::array out;
  for (const auto& [id, revisions] : known)
    for (const auto& [image, interfaces] : revisions)
      out.push_back({{"id", id},
                     {"image", image},
                     {"imports", array_of(interfaces.imports)},
                     {"exports", array_of(interfaces.exports)}});
  return out;
}

Result<KnownInterfaces> interfaces_of(const json::object& object) {
  WATTLE_TRY(const auto* list, list_of(object, "interfaces"));
  KnownInterfaces known;
  for (const json::value& value : *list) {
    if (!value.is_object()) return failure(ErrorCode::malformed, "a note's interfaces are no objects");
    const json::object& one = value.get_object();
    WATTLE_TRY(const std::string id, text_of(one, "id"));
    WATTLE_TRY(const std::string image, text_of(one, "image"));
    lattice::ComponentInterfaces& interfaces = known[id][image];
    WATTLE_TRY(interfaces.imports, names_of(one, "imports"));
    WATTLE_TRY(interfaces.exports, names_of(one, "exports"));
  }
  return known;
}

}  // namespace

std::string to_json(const Note& note) {
  json::array links;
  for (const LinkGroup& group : note.links)
    links.push_back({{"source_id", group.source_id},
                     {"name", group.name},
                     {"wit_namespace", group.wit_namespace},
                     {"wit_package", group.wit_package}});
  return json::serialize(json::object{{"format", kNoteVersion},
                                      {"stable", note.stable},
                                      {"target", note.target},
                                      {"stage", note.stage},
                                      {"outcome", note.outcome},
                                      {"parts", array_of(note.parts)},
                                      {"links", std::move(links)},
                                      {"configs", array_of(note.configs)},
                                      {"interfaces", array_of(note.interfaces)}});
}

Result<Note> parse_note(std::string_view text) {
  boost::system::error_code problem;
  const json::value value = json::parse(text, problem);
  if (problem || !value.is_object()) return failure(ErrorCode::malformed, "a note is no JSON object");
  const json::object& object = value.get_object();
  WATTLE_TRY(const uint32_t format, number_of(object, "format"));
  if (format > kNoteVersion)
    return failure(
        Error(ErrorCode::unsupported, fmt::format("a note has the format {}, which is newer", format))
            .with_remedy("run a manager of at least that version"));
  Note note;
  WATTLE_TRY(note.stable, text_of(object, "stable"));
  WATTLE_TRY(note.target, text_of(object, "target"));
  WATTLE_TRY(note.stage, number_of(object, "stage"));
  WATTLE_TRY(note.outcome, text_of(object, "outcome"));
  WATTLE_TRY(note.parts, texts_of(object, "parts"));
  WATTLE_TRY(note.configs, texts_of(object, "configs"));
  WATTLE_TRY(const auto* links, list_of(object, "links"));
  for (const json::value& link : *links) {
    WATTLE_TRY(LinkGroup group, group_of(link));
    note.links.insert(std::move(group));
  }
  WATTLE_TRY(note.interfaces, interfaces_of(object));
  return note;
}

}  // namespace wattle::manager
