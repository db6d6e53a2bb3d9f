// The JSON of this folder's types, told once for both directions: a type lists its fields, and a reader or a
// writer goes through the list.
//
//   template <class Visitor, class Self>
//   void list_fields(Visitor& fields, Self& self, const Host&) {  // the last one only picks the overload
//     fields.required("id", self.id);
//     fields.optional("labels", self.labels);
//   }
//   WATTLE_TRY(Host host, read_json<Host>(text, "a host"));
//
// Reading is strict about types and sizes, and leaves out fields that it does not know, as wasmCloud v1 does;
// null is a field that is missing. Internal to src/lattice, src/host and src/manager.
#pragma once

#include <boost/json.hpp>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace wattle::lattice {

// What a document, a text in it, and a list or map may hold at most.
inline constexpr size_t kDocumentBytesMax = size_t{8} << 20;
inline constexpr size_t kTextBytesMax = size_t{1} << 20;
inline constexpr size_t kItemsMax = 20'000;

// Refused (malformed): what is no JSON, too long, or nested too deeply; `what` names it in the message.
inline constexpr size_t kDocumentDepthMax = 16;
Result<boost::json::value> parse_document(std::string_view text, std::string_view what,
                                          size_t depth_max = kDocumentDepthMax);
Result<boost::json::object> parse_object(std::string_view text, std::string_view what,
                                         size_t depth_max = kDocumentDepthMax);
// With U+FFFD for bytes that are not UTF-8, which JSON cannot hold.
std::string valid_utf8(std::string_view text);

class FieldReader {
 public:
  FieldReader(const boost::json::object& object, std::string path)
      : object_(object), path_(std::move(path)) {}

  template <class T>
  void required(std::string_view name, T& value) {
    if (!find(name)) return refuse(name, "is missing");
    optional(name, value);
  }
  template <class T>
  void optional(std::string_view name, T& value) {
    if (const boost::json::value* found = find(name)) read(*found, name, value);
  }
  // The same field under an older name.
  template <class T>
  void alias(std::string_view name, T& value) {
    optional(name, value);
  }
  // Written only where it says something.
  template <class T>
  void unless_default(std::string_view name, T& value) {
    optional(name, value);
  }
  // The first fault, as "a host: \"labels\" must be a map of texts".
  Result<void> done() const;

 private:
  const boost::json::value* find(std::string_view name) const;
  void refuse(std::string_view name, std::string_view why);
  static std::string at(std::string_view name, size_t index);

  void read(const boost::json::value& from, std::string_view name, bool& value);
  void read(const boost::json::value& from, std::string_view name, std::string& value);
  void read(const boost::json::value& from, std::string_view name, boost::json::object& value);
  template <std::integral T>
  void read(const boost::json::value& from, std::string_view name, T& value) {
    boost::system::error_code problem;
    const T number = from.is_number() ? from.to_number<T>(problem) : T{};
    if (!from.is_number() || problem)
      return refuse(name, fmt::format("must be a whole number from {} to {}", std::numeric_limits<T>::min(),
                                      std::numeric_limits<T>::max()));
    value = number;
  }
  template <class T>
  void read(const boost::json::value& from, std::string_view name, std::optional<T>& value) {
    read(from, name, value.emplace());
  }
  template <class T>
  void read(const boost::json::value& from, std::string_view name, std::vector<T>& value) {
    const boost::json::array* array = from.if_array();
    if (array == nullptr) return refuse(name, "must be a list");
    if (array->size() > kItemsMax) return refuse(name, "has too many items");
    value.clear();
    value.reserve(array->size());
    for (size_t i = 0; i < array->size() && !fault_; ++i) {
      value.emplace_back();
      read((*array)[i], at(name, i), value.back());
    }
  }
  template <class T>
  void read(const boost::json::value& from, std::string_view name, std::map<std::string, T>& value) {
    const boost::json::object* object = from.if_object();
    if (object == nullptr) return refuse(name, "must be a map");
    if (object->size() > kItemsMax) return refuse(name, "has too many items");
    value.clear();
    for (const auto& [key, item] : *object) {
      read(item, fmt::format("{}.{}", name, std::string_view(key)), value[std::string(key)]);
      if (fault_) return;
    }
  }
  template <class T>
    requires std::is_class_v<T>
  void read(const boost::json::value& from, std::string_view name, T& value) {
    const boost::json::object* object = from.if_object();
    if (object == nullptr) return refuse(name, "must be an object");
    FieldReader inner(*object, path_ + std::string(name) + ".");
    list_fields(inner, value, value);
    if (!fault_) fault_ = std::move(inner.fault_);
  }

  const boost::json::object& object_;
  std::string path_;  // "components[2]."
  std::optional<std::string> fault_;
};

class FieldWriter {
 public:
  template <class T>
  void required(std::string_view name, const T& value) {
    object_.emplace(name, write(value));
  }
  template <class T>
  void optional(std::string_view name, const T& value) {
    required(name, value);
  }
  template <class T>
  void optional(std::string_view name, const std::optional<T>& value) {
    if (value) required(name, *value);
  }
  template <class T>
  void alias(std::string_view, const T&) {}
  template <class T>
  void unless_default(std::string_view name, const T& value) {
    if (value != T{}) required(name, value);
  }

  boost::json::object take() { return std::move(object_); }

 private:
  static boost::json::value write(bool value) { return value; }
  static boost::json::value write(const std::string& value) { return boost::json::string(valid_utf8(value)); }
  static boost::json::value write(const boost::json::object& value) { return value; }
  template <std::integral T>
  static boost::json::value write(T value) {
    return value;
  }
  template <class T>
  static boost::json::value write(const std::vector<T>& value) {
    boost::json::array array;
    array.reserve(value.size());
    for (const T& item : value) array.push_back(write(item));
    return array;
  }
  template <class T>
  static boost::json::value write(const std::map<std::string, T>& value) {
    boost::json::object object;
    for (const auto& [key, item] : value) object.emplace(valid_utf8(key), write(item));
    return object;
  }
  template <class T>
    requires std::is_class_v<T>
  static boost::json::value write(const T& value) {
    FieldWriter inner;
    list_fields(inner, value, value);
    return inner.take();
  }

  boost::json::object object_;
};

template <class T>
Result<T> read_object(const boost::json::object& object, std::string_view what) {
  T value;
  FieldReader reader(object, "");
  list_fields(reader, value, value);
  if (auto read = reader.done(); !read)
    return failure(ErrorCode::malformed, "{}: {}", what, read.error().message());
  return value;
}

template <class T>
Result<T> read_json(std::string_view text, std::string_view what) {
  WATTLE_TRY(const boost::json::object object, parse_object(text, what));
  return read_object<T>(object, what);
}

template <class T>
boost::json::object write_object(const T& value) {
  FieldWriter writer;
  list_fields(writer, value, value);
  return writer.take();
}

template <class T>
std::string write_json(const T& value) {
  return boost::json::serialize(write_object(value));
}

}  // namespace wattle::lattice
