#include "manager/problem.h"

#include <algorithm>
#include <numeric>

namespace wattle::manager {
namespace {

constexpr size_t kQuotedBytesMax = 60;
constexpr size_t kWordBytesMax = 64;  // of words that are compared

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

// Levenshtein's, with two neighbours swapped as one step: the slips of typing. `most` where it is that or
// more.
size_t distance(std::string_view a, std::string_view b, size_t most) {
  // A letter more or less is a step.
  if (std::max(a.size(), b.size()) - std::min(a.size(), b.size()) >= most) return most;
  std::vector<size_t> before(b.size() + 1), row(b.size() + 1), next(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    next[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      next[j] = std::min({row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        next[j] = std::min(next[j], before[j - 2] + 1);
    }
    std::swap(before, row);
    std::swap(row, next);
    if (*std::min_element(row.begin(), row.end()) >= most &&
        *std::min_element(before.begin(), before.end()) >= most)
      return most;
  }
  return std::min(row[b.size()], most);
}

std::string plain(std::string_view text) {
  std::string out(text);
  std::replace_if(out.begin(), out.end(), is_control, ' ');
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

}  // namespace

void Problems::error(const Place& place, std::string message, std::string remedy) {
  add({Severity::error, place, std::move(message), {}, {}, std::move(remedy)});
}

void Problems::warning(const Place& place, std::string message, std::string remedy) {
  add({Severity::warning, place, std::move(message), {}, {}, std::move(remedy)});
}

void Problems::mismatch(const Place& place, std::string expected, std::string found, std::string remedy) {
  std::string message = fmt::format("expected {}, found {}", expected, found);
  add({Severity::error, place, std::move(message), std::move(expected), std::move(found), std::move(remedy)});
}

void Problems::add(Problem problem) {
  const bool is_error = problem.severity == Severity::error;
  if (is_error) ++errors_;
  if (list_.size() < kProblemsMax) {
    list_.push_back(std::move(problem));
    return;
  }
  ++left_out_;
  // Errors go before warnings, so that a refusal always has its reason.
  if (!is_error || errors_ > kProblemsMax) return;
  const auto warning = std::find_if(list_.rbegin(), list_.rend(),
                                    [](const Problem& one) { return one.severity == Severity::warning; });
  *warning = std::move(problem);
}

std::string_view Problems::nearest(std::string_view name, std::span<const std::string_view> known) const {
  return list_.size() < kProblemsMax ? manager::nearest(name, known) : std::string_view();
}

void Problems::sort() {
  std::stable_sort(list_.begin(), list_.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.place.line, a.place.column) < std::tie(b.place.line, b.place.column);
  });
}

namespace {

std::string line_of(const Problem& problem, std::string_view file, std::string_view severity) {
  std::string out = plain(file);
  if (problem.place.line != 0) out += fmt::format(":{}:{}", problem.place.line, problem.place.column);
  out += fmt::format(": {}", severity);
  if (!problem.place.path.empty()) out += problem.place.path + ": ";
  out += problem.message;
  if (!problem.remedy.empty()) out += "; " + problem.remedy;
  return plain(out);
}

}  // namespace

std::string to_string(const Problem& problem, std::string_view file) {
  return line_of(problem, file, problem.severity == Severity::error ? "error: " : "warning: ");
}

std::string to_string_alone(const Problem& problem, std::string_view file) {
  return line_of(problem, file, {});
}

Error refusal(const Problems& problems, std::string_view file) {
  std::string message = fmt::format("{} is refused", plain(file));
  for (const Problem& problem : problems.list())
    if (problem.severity == Severity::error) message += "\n  " + to_string(problem, file);
  if (problems.left_out() != 0) message += fmt::format("\n  and {} more", problems.left_out());
  return Error(ErrorCode::invalid, std::move(message)).with_remedy("change these lines");
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  size_t length = std::min(text.size(), kQuotedBytesMax);
  // Not in the middle of a character.
  while (length < text.size() && length > 0 && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80)
    --length;
  for (const char c : text.substr(0, length)) {
    if (is_control(c))
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else if (c == '"' || c == '\\')
      out += {'\\', c};
    else
      out += c;
  }
  return out + (length < text.size() ? "...\"" : "\"");
}

std::string_view nearest(std::string_view name, std::span<const std::string_view> known) {
  if (name.empty() || name.size() > kWordBytesMax) return {};
  const std::string lowered = lower(name);
  std::string_view best;
  size_t least = std::max<size_t>(1, name.size() / 3) + 1;
  for (const std::string_view word : known) {
    const size_t steps = distance(lowered, lower(word), least);
    if (steps < least) best = word, least = steps;
  }
  return best;
}

std::string listed(std::span<const std::string_view> words) {
  std::string out;
  for (size_t i = 0; i < words.size(); ++i)
    out += fmt::format("{}{}", i == 0 ? "" : i + 1 == words.size() ? " or " : ", ", words[i]);
  return out;
}

}  // namespace wattle::manager
