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
constexpr std::array<Unit, 9> kMemoryUnits = {{{"", 1},
                                               {"Ki", 1024},
                                               {"Mi", 1024.0 * 1024},
                                               {"Gi", 1024.0 * 1024 * 1024},
                                               {"Ti", 1024.0 * 1024 * 1024 * 1024},
                                               {"k", 1e3},
                                               {"M", 1e6},
                                               {"G", 1e9},
                                               {"T", 1e12}}};
constexpr std::array<Unit, 2> kCpuUnits = {{{"", 1000}, {"m", 1}}};

// "e6", "E6": what a number in front of it is multiplied by; 0: it is something else.
double exponent_factor(std::string_view unit) {
  if (unit.size() < 2 || unit.size() > 3 || (unit.front() != 'e' && unit.front() != 'E')) return 0;
  unsigned exponent = 0;
  const auto [end, problem] = std::from_chars(unit.data() + 1, unit.data() + unit.size(), exponent);
  return problem == std::errc() && end == unit.data() + unit.size() ? std::pow(10.0, exponent) : 0;
}

// Begins with a digit, and has no spaces.
bool split_strictly(std::string_view text, Quantity& quantity) {
  return !text.empty() && text.front() >= '0' && text.front() <= '9' &&
         text.find(' ') == std::string_view::npos && split_quantity(text, quantity);
}

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

Result<uint64_t> parse_memory_quantity(std::string_view text) {
  Quantity quantity;
  if (split_strictly(text, quantity)) {
    const Unit* const unit = find_unit(kMemoryUnits, quantity.unit);
    const double factor = unit != nullptr ? unit->factor : exponent_factor(quantity.unit);
    const double bytes = std::ceil(quantity.number * factor);
    if (factor != 0 && bytes <= static_cast<double>(kMemoryQuantityMax)) return static_cast<uint64_t>(bytes);
    if (factor != 0)
      return failure(ErrorCode::invalid_argument, "\"{}\" of memory is more than 1024Ti", text);
  }
  return failure(
      Error(ErrorCode::invalid_argument, fmt::format("\"{}\" is no amount of memory", text))
          .with_remedy("write bytes, or a number with a unit (Ki, Mi, Gi, Ti, k, M, G or T), as 64Mi or 1G"));
}

Result<uint32_t> parse_cpu_quantity(std::string_view text) {
  Quantity quantity;
  const Unit* unit = nullptr;
  if (split_strictly(text, quantity)) unit = find_unit(kCpuUnits, quantity.unit);
  if (unit != nullptr) {
    const double thousandths = quantity.number * unit->factor;
    if (thousandths > kMilliCpusMax)
      return failure(ErrorCode::invalid_argument, "\"{}\" is more than {} CPUs", text, kMilliCpusMax / 1000);
    const double whole = std::round(thousandths);
    if (std::abs(thousandths - whole) < 1e-6) return static_cast<uint32_t>(whole);
  }
  return failure(Error(ErrorCode::invalid_argument, fmt::format("\"{}\" is no number of CPUs", text))
                     .with_remedy("write CPUs or thousandths of one, and nothing finer, as 2, 0.5 or 500m"));
}

std::string format_cpu_quantity(uint64_t milli_cpus) {
  return milli_cpus % 1000 == 0 ? fmt::format("{}", milli_cpus / 1000) : fmt::format("{}m", milli_cpus);
}

}  // namespace wattle
