#include "nats/json.h"

#include <charconv>
#include <chrono>

namespace wattle::nats::json {
namespace {

template <class T>
bool read_digits(std::string_view& text, size_t digits, T& value) {
  if (text.size() < digits) return false;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + digits, value);
  if (problem != std::errc() || end != text.data() + digits) return false;
  text.remove_prefix(digits);
  return true;
}

bool skip(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

// ".123456789" and what is shorter.
int64_t read_fraction(std::string_view& text) {
  int64_t nanoseconds = 0;
  if (!skip(text, '.')) return 0;
  for (int64_t unit = 100'000'000; !text.empty() && text.front() >= '0' && text.front() <= '9'; unit /= 10) {
    nanoseconds += unit * (text.front() - '0');
    text.remove_prefix(1);
  }
  return nanoseconds;
}

// "Z", "+01:00": seconds east.
bool read_zone(std::string_view text, int64_t& east_s) {
  if (text == "Z" || text == "z") return true;
  const bool west = text.starts_with('-');
  if (!west && !text.starts_with('+')) return false;
  text.remove_prefix(1);
  int hours = 0;
  int minutes = 0;
  if (!read_digits(text, 2, hours) || !skip(text, ':') || !read_digits(text, 2, minutes) || !text.empty())
    return false;
  east_s = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
  return true;
}

}  // namespace

Result<Object> parse_object(std::string_view text, std::string_view what) {
  boost::system::error_code problem;
  boost::json::value value = boost::json::parse(text, problem);
  if (problem || !value.is_object())
    return failure(ErrorCode::malformed, "{} is no JSON object{}{}", what, problem ? ": " : "",
                   problem ? problem.message() : "");
  return std::move(value.as_object());
}

const Object* object_at(const Object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

std::string string_at(const Object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  const auto* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

bool bool_at(const Object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  const bool* flag = value == nullptr ? nullptr : value->if_bool();
  return flag != nullptr && *flag;
}

int64_t int_at(const Object& object, std::string_view name, int64_t otherwise) {
  const auto* value = object.if_contains(name);
  if (value == nullptr) return otherwise;
  boost::system::error_code problem;
  const auto number = value->to_number<int64_t>(problem);
  return problem ? otherwise : number;
}

uint64_t uint_at(const Object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr) return 0;
  boost::system::error_code problem;
  const auto number = value->to_number<uint64_t>(problem);
  return problem ? 0 : number;
}

std::vector<std::string> strings_at(const Object& object, std::string_view name) {
  std::vector<std::string> strings;
  const auto* value = object.if_contains(name);
  const Array* array = value == nullptr ? nullptr : value->if_array();
  if (array == nullptr) return strings;
  for (const auto& item : *array)
    if (const auto* text = item.if_string()) strings.emplace_back(text->data(), text->size());
  return strings;
}

int64_t parse_time(std::string_view text) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  int64_t hours = 0;
  int64_t minutes = 0;
  int64_t seconds = 0;
  if (!read_digits(text, 4, year) || !skip(text, '-') || !read_digits(text, 2, month) || !skip(text, '-') ||
      !read_digits(text, 2, day) || !(skip(text, 'T') || skip(text, 't')) || !read_digits(text, 2, hours) ||
      !skip(text, ':') || !read_digits(text, 2, minutes) || !skip(text, ':') ||
      !read_digits(text, 2, seconds))
    return 0;
  const int64_t nanoseconds = read_fraction(text);
  int64_t east_s = 0;
  if (!read_zone(text, east_s)) return 0;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  // What a count of nanoseconds holds.
  if (!date.ok() || year < 1700 || year > 2250) return 0;
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return (days * 86400 + hours * 3600 + minutes * 60 + seconds - east_s) * 1'000'000'000 + nanoseconds;
}

}  // namespace wattle::nats::json
