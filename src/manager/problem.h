// What is wrong with a manifest: where it stands, what was expected there, what was found, and what to do.
// All problems of a file are collected, up to a bound, so that one run tells them all.
//
//   shop.yaml:12:24: error: spec.components[0].traits[0].properties.instances: expected a whole number from 0
//   to 1000000, found the text "many"
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace wattle::manager {

// Where something stands in a file. Line and column count from 1; 0: nowhere in it.
struct Place {
  std::string path{};  // "spec.components[0].name"; empty: the document itself
  uint32_t line = 0;
  uint32_t column = 0;
  bool operator==(const Place&) const = default;
};

// An error refuses the manifest; a warning is told.
enum class Severity : uint8_t { error, warning };

struct Problem {
  Severity severity = Severity::error;
  Place place{};
  std::string message{};
  // Of a value that is not what its field takes; the message says both already.
  std::string expected{};
  std::string found{};
  std::string remedy{};  // empty: the message says it all
};

class Problems {
 public:
  static constexpr size_t kProblemsMax = 100;

  void error(const Place& place, std::string message, std::string remedy = {});
  void warning(const Place& place, std::string message, std::string remedy = {});
  // "expected E, found F".
  void mismatch(const Place& place, std::string expected, std::string found, std::string remedy = {});

  bool any_errors() const { return errors_ != 0; }
  size_t errors() const { return errors_; }
  const std::vector<Problem>& list() const { return list_; }
  // How many were found beyond those of the list.
  size_t left_out() const { return left_out_; }
  // Counts some of which nothing else is known here.
  void leave_out(size_t count) { left_out_ += count; }
  // In the order of the file, whatever order they were found in.
  void sort();
  // nearest(), as long as there is room for a problem that tells it: looking takes its time.
  std::string_view nearest(std::string_view name, std::span<const std::string_view> known) const;

 private:
  void add(Problem problem);

  std::vector<Problem> list_;
  size_t errors_ = 0;
  size_t left_out_ = 0;
};

// One line, without a line end: place, severity, message, remedy. Control characters of the file do not reach
// it.
std::string to_string(const Problem& problem, std::string_view file);
// The same without the severity, for whoever says that himself.
std::string to_string_alone(const Problem& problem, std::string_view file);
// All of a file's problems as the one error of whoever refuses it. Precondition: there is an error.
Error refusal(const Problems& problems, std::string_view file);

// `text` in quotes, cut where it is long, control characters escaped.
std::string in_quotes(std::string_view text);
// The one of `known` that `name` may be a slip of; empty when none is near.
std::string_view nearest(std::string_view name, std::span<const std::string_view> known);
// "a, b or c"
std::string listed(std::span<const std::string_view> words);

}  // namespace wattle::manager
