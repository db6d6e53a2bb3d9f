#include "manager/yaml_document.h"

#include <yaml.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace wattle::manager {
namespace {

constexpr std::string_view kCoreTag = "tag:yaml.org,2002:";

uint32_t counted_from_one(size_t zero_based) {
  return static_cast<uint32_t>(zero_based) + 1;
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool take_digits(std::string_view& text, std::string_view digits) {
  const size_t end = std::min(text.find_first_not_of(digits), text.size());
  text.remove_prefix(end);
  return end != 0;
}

// Integers and floats of the core schema.
bool is_number(std::string_view text) {
  constexpr std::string_view kDecimal = "0123456789";
  if (text.starts_with("0x"))
    return text.remove_prefix(2), take_digits(text, "0123456789abcdefABCDEF") && text.empty();
  if (text.starts_with("0o")) return text.remove_prefix(2), take_digits(text, "01234567") && text.empty();
  if (is_one_of(text, {".nan", ".NaN", ".NAN"})) return true;
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  if (is_one_of(text, {".inf", ".Inf", ".INF"})) return true;
  bool any = take_digits(text, kDecimal);
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    any |= take_digits(text, kDecimal);
  }
  if (!any) return false;
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
    return take_digits(text, kDecimal) && text.empty();
  }
  return text.empty();
}

YamlKind kind_of_plain(std::string_view text) {
  if (is_one_of(text, {"", "~", "null", "Null", "NULL"})) return YamlKind::nothing;
  if (is_one_of(text, {"true", "True", "TRUE", "false", "False", "FALSE"})) return YamlKind::boolean;
  return is_number(text) ? YamlKind::number : YamlKind::text;
}

class Event {
 public:
  Event() = default;
  ~Event() { yaml_event_delete(&event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  yaml_event_t* get() { return &event_; }
  const yaml_event_t* operator->() const { return &event_; }

 private:
  yaml_event_t event_{};
};

std::string_view view(const yaml_char_t* text) {
  return text == nullptr ? std::string_view() : reinterpret_cast<const char*>(text);
}

std::string remedy_for(std::string_view problem) {
  if (problem.find("tab") != std::string_view::npos) return "indent with spaces, never with tabs";
  if (problem.find("cannot start any token") != std::string_view::npos)
    return "indent with spaces, never with tabs; quote texts that begin with @, ` or %";
  return "look at the indentation, quotes and brackets here and in the line before";
}

class YamlReader {
 public:
  YamlReader(std::string_view text, Problems& problems) : problems_(problems) {
    yaml_parser_initialize(&parser_);
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  }
  ~YamlReader() { yaml_parser_delete(&parser_); }
  YamlReader(const YamlReader&) = delete;
  YamlReader& operator=(const YamlReader&) = delete;

  std::vector<YamlNode> read() {
    std::vector<YamlNode> documents;
    for (;;) {
      Event event;
      if (!next(event)) return documents;
      if (event->type == YAML_STREAM_END_EVENT) return documents;
      if (event->type != YAML_DOCUMENT_START_EVENT) continue;
      if (documents.size() == kYamlDocumentsMax) {
        refuse(event->start_mark, fmt::format("a file has at most {} documents", kYamlDocumentsMax));
        return documents;
      }
      anchors_.clear();
      auto document = read_next(0);
      if (!document) return documents;
      documents.push_back(std::move(*document));
    }
  }

 private:
  bool next(Event& event) {
    if (yaml_parser_parse(&parser_, event.get()) == 1) return true;
    const yaml_mark_t& mark = parser_.error == YAML_READER_ERROR ? parser_.mark : parser_.problem_mark;
    const std::string_view problem = parser_.problem == nullptr ? "it ends too early" : parser_.problem;
    refuse(mark, fmt::format("this is no YAML: {}", problem), remedy_for(problem));
    return false;
  }

  void refuse(const yaml_mark_t& mark, std::string message, std::string remedy = {}) {
    problems_.error({{}, counted_from_one(mark.line), counted_from_one(mark.column)}, std::move(message),
                    std::move(remedy));
  }

  // Nothing: a problem was told, and the reading ends.
  std::optional<YamlNode> read_next(size_t depth) {
    Event event;
    if (!next(event)) return std::nullopt;
    return read_value(*event.get(), depth);
  }

  std::optional<YamlNode> read_value(const yaml_event_t& event, size_t depth) {
    if (depth == kYamlDepthMax)
      return refuse(event.start_mark, fmt::format("values are nested deeper than {} levels", kYamlDepthMax)),
             std::nullopt;
    if (event.type == YAML_ALIAS_EVENT) return read_alias(event);
    if (!count(event.start_mark, 1, 0)) return std::nullopt;
    YamlNode node;
    node.line = counted_from_one(event.start_mark.line);
    node.column = counted_from_one(event.start_mark.column);
    std::string anchor;
    bool read = false;
    if (event.type == YAML_SCALAR_EVENT) {
      anchor = view(event.data.scalar.anchor);
      read = read_scalar(event, node);
    } else if (event.type == YAML_SEQUENCE_START_EVENT) {
      anchor = view(event.data.sequence_start.anchor);
      read = check_tag(event, view(event.data.sequence_start.tag), "seq") && read_list(node, depth);
    } else if (event.type == YAML_MAPPING_START_EVENT) {
      anchor = view(event.data.mapping_start.anchor);
      read = check_tag(event, view(event.data.mapping_start.tag), "map") && read_map(node, depth);
    }
    if (!read) return std::nullopt;
    // Known only from here on, so that nothing can hold itself.
    if (!anchor.empty()) {
      const Size size = size_of(node);
      if (!count(event.start_mark, size.values, size.bytes)) return std::nullopt;  // the copy
      anchors_.insert_or_assign(anchor, node);
    }
    return node;
  }

  std::optional<YamlNode> read_alias(const yaml_event_t& event) {
    const std::string_view name = view(event.data.alias.anchor);
    const auto anchor = anchors_.find(name);
    if (anchor == anchors_.end())
      return refuse(event.start_mark, fmt::format("the alias *{} stands for nothing before it", name)),
             std::nullopt;
    const Size size = size_of(anchor->second);
    if (!count(event.start_mark, size.values, size.bytes)) return std::nullopt;
    YamlNode node = anchor->second;
    node.line = counted_from_one(event.start_mark.line);
    node.column = counted_from_one(event.start_mark.column);
    return node;
  }

  bool read_scalar(const yaml_event_t& event, YamlNode& node) {
    const auto& scalar = event.data.scalar;
    node.text.assign(reinterpret_cast<const char*>(scalar.value), scalar.length);
    if (!count(event.start_mark, 0, node.text.size())) return false;
    const std::string_view tag = view(scalar.tag);
    node.kind =
        scalar.style == YAML_PLAIN_SCALAR_STYLE && tag.empty() ? kind_of_plain(node.text) : YamlKind::text;
    if (tag.empty() || tag == "!" || tag == std::string(kCoreTag) + "str") return true;
    node.kind = kind_of_plain(node.text);
    for (const std::string_view known : {"int", "float", "bool", "null"})
      if (tag == std::string(kCoreTag) + std::string(known)) return true;
    return refuse_tag(event, tag);
  }

  bool check_tag(const yaml_event_t& event, std::string_view tag, std::string_view own) {
    return tag.empty() || tag == "!" || tag == std::string(kCoreTag) + std::string(own) ||
           refuse_tag(event, tag);
  }
  bool refuse_tag(const yaml_event_t& event, std::string_view tag) {
    refuse(event.start_mark, fmt::format("the tag {} means nothing in a manifest", in_quotes(tag)),
           "delete it");
    return false;
  }

  bool read_list(YamlNode& node, size_t depth) {
    node.kind = YamlKind::list;
    for (;;) {
      Event event;
      if (!next(event)) return false;
      if (event->type == YAML_SEQUENCE_END_EVENT) return true;
      auto item = read_value(*event.get(), depth + 1);
      if (!item) return false;
      node.items.push_back(std::move(*item));
    }
  }

  bool read_map(YamlNode& node, size_t depth) {
    node.kind = YamlKind::map;
    std::set<std::string, std::less<>> keys;
    for (;;) {
      Event event;
      if (!next(event)) return false;
      if (event->type == YAML_MAPPING_END_EVENT) return true;
      auto key = read_value(*event.get(), depth + 1);
      if (!key) return false;
      if (key->kind == YamlKind::list || key->kind == YamlKind::map || key->text.size() > kYamlKeyBytesMax) {
        refuse(event->start_mark, fmt::format("a key must be a text of at most {} bytes", kYamlKeyBytesMax));
        return false;
      }
      auto value = read_next(depth + 1);
      if (!value) return false;
      if (keys.insert(key->text).second)
        node.fields.push_back({std::move(key->text), key->line, key->column, std::move(*value)});
      else
        problems_.error({{}, key->line, key->column},
                        fmt::format("the key {} stands twice here", in_quotes(key->text)),
                        "delete one of them");
    }
  }

  struct Size {
    size_t values = 1;
    size_t bytes = 0;
  };
  static Size size_of(const YamlNode& node) {
    Size size{1, node.text.size()};
    const auto add = [&size](const YamlNode& inner) {
      const Size more = size_of(inner);
      size.values += more.values;
      size.bytes += more.bytes;
    };
    for (const YamlNode& item : node.items) add(item);
    for (const YamlField& field : node.fields) add(field.value), size.bytes += field.key.size();
    return size;
  }

  bool count(const yaml_mark_t& mark, size_t values, size_t bytes) {
    values_ += values;
    bytes_ += bytes;
    if (values_ <= kYamlValuesMax && bytes_ <= kYamlTextBytesMax) return true;
    refuse(mark,
           fmt::format("a file holds at most {} values and {} MiB of text, what aliases stand for counted",
                       kYamlValuesMax, kYamlTextBytesMax >> 20));
    return false;
  }

  Problems& problems_;
  yaml_parser_t parser_{};
  std::map<std::string, YamlNode, std::less<>> anchors_;
  size_t values_ = 0;
  size_t bytes_ = 0;
};

}  // namespace

std::vector<YamlNode> read_yaml(std::string_view text, Problems& problems) {
  if (text.size() > kYamlBytesMax) {
    problems.error({},
                   fmt::format("the file has {} bytes, and at most {} are read", text.size(), kYamlBytesMax));
    return {};
  }
  return YamlReader(text, problems).read();
}

std::string describe(const YamlNode& node) {
  switch (node.kind) {
    case YamlKind::nothing:
      return "nothing";
    case YamlKind::boolean:
      return node.text;
    case YamlKind::number:
      return fmt::format("the number {}", node.text.substr(0, 40));
    case YamlKind::text:
      return fmt::format("the text {}", in_quotes(node.text));
    case YamlKind::list:
      return "a list";
    case YamlKind::map:
      return "a map";
  }
  return {};
}

}  // namespace wattle::manager
