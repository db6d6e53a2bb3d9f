#include "base/parse.h"

#include <array>
#include <charconv>
#include <cmath>

namespace wattle {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

// The number in front and the unit behind it.
struct Quantity {
  double number = 0;
  std::string_view unit;
};

bool split_quantity(std::string_view text, Quantity& quantity) {
  const char* begin = text.data();
  const char* end = begin + text.size();
  auto [rest, error] = std::from_chars(begin, end, quantity.number, std::chars_format::fixed);
  if (error != std::errc() || quantity.number < 0) return false;
  while (rest != end && *rest == ' ') ++rest;
  quantity.unit = std::string_view(rest, static_cast<size_t>(end - rest));
  return true;
}

template <size_t N>
const Unit* find_unit(const std::array<Unit, N>& units, std::string_view name) {
  for (const Unit& unit : units)
    if (unit.name == name) return &unit;
  return nullptr;
}

std::string format_scaled(double number, std::string_view unit) {
  std::string text = fmt::format("{:.3f}", number);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text.append(unit);
}

// Seconds; from small to large.
constexpr std::array<Unit, 6> kDurationUnits = {
    {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}}};
constexpr std::array<Unit, 10> kByteUnits = {{{"", 1},
                                              {"B", 1},
                                              {"KiB", 1024},
                                              {"MiB", 1024.0 * 1024},
                                              {"GiB", 1024.0 * 1024 * 1024},
                                              {"kB", 1e3},
                                              {"KB", 1e3},
                                              {"MB", 1e6},
                                              {"GB", 1e9},
                                              {"TiB", 1024.0 * 1024 * 1024 * 1024}}};

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  Quantity quantity;
  if (split_quantity(text, quantity)) {
    if (quantity.number == 0 && quantity.unit.empty()) return Duration::zero();
    if (const Unit* unit = find_unit(kDurationUnits, quantity.unit)) {
      const double nanoseconds = quantity.number * unit->factor * 1e9;
      if (nanoseconds <= 1e18) return Duration(static_cast<int64_t>(std::llround(nanoseconds)));
      return failure(ErrorCode::invalid_argument, "the duration \"{}\" is too long", text);
    }
  }
  return failure(
      Error(ErrorCode::invalid_argument, fmt::format("\"{}\" is not a duration", text))
          .with_remedy("write a number with a unit (ns, us, ms, s, m or h), for example 250ms or 5s"));
}

std::string format_duration(Duration duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  const Unit* unit = &kDurationUnits[0];
  for (const Unit& larger : kDurationUnits)
    if (seconds >= larger.factor) unit = &larger;
  return format_scaled(seconds / unit->factor, unit->name);
}

Result<uint64_t> parse_bytes(std::string_view text) {
  Quantity quantity;
  if (split_quantity(text, quantity)) {
    if (const Unit* unit = find_unit(kByteUnits, quantity.unit)) {
      const double bytes = quantity.number * unit->factor;
      if (bytes <= 9e15) return static_cast<uint64_t>(bytes);
      return failure(ErrorCode::invalid_argument, "the size \"{}\" is too large", text);
    }
  }
  return failure(
      Error(ErrorCode::invalid_argument, fmt::format("\"{}\" is not a size", text))
          .with_remedy("write a number with a unit (KiB, MiB, GiB, kB, MB or GB), for example 64MiB"));
}

std::string format_bytes(uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  if (bytes < 1024 * 1024) return fmt::format("{:.1f} KiB", static_cast<double>(bytes) / 1024);
  if (bytes < 1024 * 1024 * 1024)
    return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1024 * 1024));
  return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / (1024.0 * 1024 * 1024));
}

}  // namespace wattle
