// A command line that CLI11 refuses, told in wattle's own words: what is wrong, and the nearest word that is
// right.
#pragma once

#include <CLI/CLI.hpp>

#include "base/result.h"

namespace wattle::cli {

// The words of a command line as CLI11's vector parser wants them, last one first. CLI11 takes words such as
// "[1, 2]" apart into several, which are WAVE lists here: they are marked, and keep_lists_whole() has every
// option of `app` and its verbs take the mark off again.
std::vector<std::string> parser_words(int argc, const char* const* argv);
void keep_lists_whole(CLI::App& app);

// `app` has just thrown `error`. Always invalid_argument, with a remedy.
Error usage_error(const CLI::App& app, const CLI::ParseError& error);

// Whether `argv` asks for JSON: for errors that come before the options were read.
bool asks_for_json(int argc, const char* const* argv);

}  // namespace wattle::cli
