#include "cli/usage.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/interface_name.h"

namespace wattle::cli {
namespace {

constexpr size_t kFarthestGuess = 3;  // characters to change

constexpr char kListMark = '\x1f';

bool is_list(std::string_view word, char end) {
  return word.size() >= 2 && word.front() == '[' && word.back() == end;
}

std::string without_mark(std::string word) {
  if (is_list(word, kListMark)) word.pop_back();
  return word;
}

// The name that `word` was perhaps meant to be; empty if none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& names) {
  std::string best;
  size_t least = std::min(kFarthestGuess + 1, std::max<size_t>(word.size(), 2) - 1);
  for (const auto& name : names) {
    const size_t distance = runtime::edit_distance(word, name, kFarthestGuess + 1);
    if (distance >= least) continue;
    best = name;
    least = distance;
  }
  return best;
}

std::vector<std::string> verb_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(verb->get_name());
  return names;
}

// Of the verb and the global ones: "--timeout".
std::vector<std::string> option_names(const CLI::App& app, const CLI::App& verb) {
  std::vector<std::string> names;
  for (const CLI::App* each : {&verb, &app})
    for (const auto* option : each->get_options())
      for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

std::string guess_or(std::string_view word, const std::vector<std::string>& names, std::string_view see) {
  const std::string guess = nearest(word, names);
  return guess.empty() ? std::string(see) : fmt::format("did you mean \"{}\"? {}", guess, see);
}

Error refused(std::string message, std::string remedy) {
  return Error(ErrorCode::invalid_argument, std::move(message)).with_remedy(std::move(remedy));
}

// "wattle get hosts": what was typed of `verb`, which may stand below others.
std::string full_name(const CLI::App& verb) {
  return verb.get_parent() == nullptr ? verb.get_name()
                                      : fmt::format("{} {}", full_name(*verb.get_parent()), verb.get_name());
}

// The words that found no place, in `app` or above it.
std::vector<std::string> words_left(const CLI::App& app) {
  auto words = app.remaining();
  return words.empty() && app.get_parent() != nullptr ? words_left(*app.get_parent()) : words;
}

// `verb`: that one of its own verbs is missing, or the program itself.
Error no_verb(const CLI::App& app, const CLI::App& verb) {
  const auto names = verb_names(verb);
  const bool whole = verb.get_parent() == nullptr;
  const std::string see = fmt::format("\"{} --help\" lists the verbs", full_name(verb));
  const std::string behind = whole ? "" : fmt::format(" behind \"{}\"", full_name(verb));
  const auto words = words_left(verb);
  if (words.empty())
    return refused(fmt::format("no verb is given{}", behind),
                   fmt::format("write one of {}; {}", fmt::join(names, ", "), see));
  const std::string& word = words.front();
  if (word.starts_with("-"))
    return refused(fmt::format("there is no option {}", word), guess_or(word, option_names(app, verb), see));
  return refused(fmt::format("there is no verb \"{}\"{}", word, behind), guess_or(word, names, see));
}

Error unexpected(const CLI::App& app, const CLI::App& verb, const std::string& see) {
  const auto words = words_left(verb);
  std::string word = words.empty() ? "" : without_mark(words.front());
  if (word.starts_with("-")) word.resize(std::min(word.size(), word.find('=')));
  if (word.starts_with("-"))
    return refused(fmt::format("\"{}\" has no option {}", full_name(verb), word),
                   guess_or(word, option_names(app, verb), see));
  return refused(fmt::format("\"{}\" is one argument too many for \"{}\"", word, full_name(verb)), see);
}

// "Could not convert: --queue = many" and the like name the option; what was expected is in the help.
Error not_converted(std::string_view text, const std::string& see) {
  const std::string_view what = text.substr(std::min(text.size(), text.find(": ") + 2));
  const size_t split = what.find(" = ");
  if (split == std::string_view::npos) return refused(std::string(text), see);
  return refused(fmt::format("{}: \"{}\" is not a whole number from 0 up", what.substr(0, split),
                             what.substr(split + 3)),
                 see);
}

// The verb that was given, as deep as there are verbs below verbs.
const CLI::App& given_verb(const CLI::App& app) {
  const auto given = app.get_subcommands();
  return given.empty() ? app : given_verb(*given.front());
}

}  // namespace

std::vector<std::string> parser_words(int argc, const char* const* argv) {
  std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  for (std::string& word : words)
    if (is_list(word, ']') || is_list(word, kListMark)) word += kListMark;
  std::reverse(words.begin(), words.end());
  return words;
}

void keep_lists_whole(CLI::App& app) {
  const CLI::Validator take_off(
      [](std::string& word) {
        word = without_mark(std::move(word));
        return std::string();
      },
      "");
  for (CLI::Option* option : app.get_options())
    if (option->get_type_size_max() > 0) option->transform(take_off);
  for (CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) keep_lists_whole(*verb);
}

Error usage_error(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& verb = given_verb(app);
  const std::string see = fmt::format("see \"{} --help\"", full_name(verb));
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    if (!verb_names(verb).empty()) return no_verb(app, verb);
    const std::string_view what = error.what();
    return refused(fmt::format("no {} is given", what.substr(0, what.find(' '))), see);
  }
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) return unexpected(app, verb, see);
  if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr) return not_converted(error.what(), see);
  return refused(error.what(), see);
}

bool asks_for_json(int argc, const char* const* argv) {
  for (int index = 1; index < argc; ++index) {
    const std::string_view word = argv[index];
    if (word == "--") return false;
    if (word == "-ojson" || word == "--output=json") return true;
    if ((word == "-o" || word == "--output") && index + 1 < argc &&
        std::string_view(argv[index + 1]) == "json")
      return true;
  }
  return false;
}

}  // namespace wattle::cli
