#include "manager/annotations.h"

#include <algorithm>

#include "manager/application_record.h"
#include "manager/rollout.h"

namespace wattle::manager {
namespace {

constexpr size_t kLabelNameBytesMax = 63;
constexpr size_t kLabelPrefixBytesMax = 253;
constexpr std::string_view kOwnPrefix = "wattle/";

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_label_word(std::string_view text, size_t bytes_max, std::string_view also) {
  return !text.empty() && text.size() <= bytes_max && is_letter_or_digit(text.front()) &&
         is_letter_or_digit(text.back()) && std::all_of(text.begin(), text.end(), [also](char c) {
           return is_letter_or_digit(c) || also.find(c) != std::string_view::npos;
         });
}

// OAM's rule: NAME, or DNS.NAME/NAME.
bool is_label_key(std::string_view key) {
  const size_t slash = key.find('/');
  if (slash == std::string_view::npos) return is_label_word(key, kLabelNameBytesMax, "-_.");
  return is_label_word(key.substr(0, slash), kLabelPrefixBytesMax, "-.") &&
         is_label_word(key.substr(slash + 1), kLabelNameBytesMax, "-_.");
}

std::vector<std::string_view> own_annotations() {
  auto names = update_annotations();
  names.insert(names.end(), {kSpreadByAnnotation, kSharedWithAnnotation, kHandlerAnnotation});
  return names;
}

void check_annotation(const std::string& name, const Text& text, Problems& problems) {
  if (name == "version" && !text.value.empty()) {
    if (auto fits = check_version(text.value); !fits)
      problems.error(text.place, fits.error().message(), fits.error().remedy());
  }
  if (!name.starts_with(kOwnPrefix)) return;
  const auto known = own_annotations();
  if (std::find(known.begin(), known.end(), name) == known.end()) {
    const std::string_view near = problems.nearest(name, known);
    return problems.error(text.place, fmt::format("there is no annotation {}", in_quotes(name)),
                          near.empty() ? fmt::format("known are {}", listed(known))
                                       : fmt::format("did you mean \"{}\"?", near));
  }
  UpdateStrategy strategy;
  if (const auto read = read_annotation(strategy, name, text.value); !read)
    problems.error(text.place, read.error().full_message(),
                   "docs/applications.md has what each annotation takes");
}

}  // namespace

void check_annotations(const TextMap& annotations, const TextMap& labels, Problems& problems) {
  for (const TextMap* map : {&annotations, &labels})
    for (const auto& [name, text] : *map)
      if (!is_label_key(name))
        problems.error(text.place, fmt::format("{} is no name of a label or annotation", in_quotes(name)),
                       "write NAME or DOMAIN/NAME, of at most 63 letters, digits and -_. each");
  for (const auto& [name, text] : annotations) check_annotation(name, text, problems);
}

}  // namespace wattle::manager
