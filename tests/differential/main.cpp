// wattle-differential FOLDER --seed S --components N: makes components of random types that hand values on,
// runs random values through them on wattle, and writes all of it for compare.mjs, which runs the same on
// jco.
//
// What either side sees must be what was sent, so that equal results need no exchange between the two.

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>

#include "javascript.h"
#include "pass_through.h"
#include "resource_case.h"
#include "runtime/runtime.h"
#include "wit/random.h"
#include "wit/wave.h"

namespace {

using namespace wattle;
using namespace wattle::differential;

// One component in so many has resources.
constexpr uint32_t kResourcesEvery = 4;
constexpr auto kCallTimeMax = std::chrono::seconds(10);

struct Options {
  std::string folder;
  uint64_t seed = 1;
  uint32_t components = 1000;
};

engine::CallLimits limits() {
  return {.deadline = Clock::now() + kCallTimeMax};
}

// func(p0: A, p1: B, ...) -> A. JavaScript turns a result at the top into an exception: it comes in a tuple.
wit::FunctionType random_function(wit::Random& random) {
  wit::FunctionType type;
  auto passed = random.type();
  if (passed->kind == wit::Kind::result) passed = wit::tuple_of({passed});
  type.parameters = {{"p0", passed}};
  type.result = passed;
  return type;
}

// What is run and how it went: one per component.
class Case {
 public:
  Case(uint64_t seed, uint32_t index) : random_(seed * 1'000'003 + index, {.depth = 3, .members = 4}) {
    for (uint32_t i = 0; i < kFunctions; i++) {
      functions_.push_back(random_function(random_));
      auto& values = values_.emplace_back();
      for (uint32_t j = 0; j < kValues; j++) values.push_back(random_.value(functions_[i].result));
    }
    // One component, or three in a row.
    using component::StringEncoding;
    std::vector<StringEncoding> encodings(random_.below(2) == 0 ? 1 : 3);
    const uint32_t known = random_.below(4) == 0 ? 3 : 2;
    for (auto& encoding : encodings) encoding = static_cast<StringEncoding>(random_.below(known));
    for_jco_ = is_known_to_jco(encodings);
    binary_ = encodings.size() == 1 ? pass_through(functions_, encodings[0])
                                    : pass_through_chain(functions_, encodings);
  }

  bool for_jco() const { return for_jco_; }
  const std::vector<uint8_t>& binary() const { return binary_; }

  // Returns how many values came through unchanged both ways; prints the others.
  Result<uint32_t> run(uint32_t index) const {
    WATTLE_TRY(auto loaded, runtime::Component::load(binary_, {}));
    runtime::Linker linker;
    wit::Value seen;
    for (uint32_t i = 0; i < kFunctions; i++)
      linker.dynamic_function(
          kHostInterface, fmt::format("f{}", i),
          [&seen](runtime::Host&,
                  std::span<const wit::Value> arguments) -> Result<std::optional<wit::Value>> {
            seen = arguments[0];
            return arguments[0];
          });
    WATTLE_TRY(auto linked, linker.link(loaded));
    WATTLE_TRY(auto instance, runtime::Instance::create(linked, runtime::Host(), limits()));
    uint32_t passed = 0;
    for (uint32_t i = 0; i < kFunctions; i++) {
      WATTLE_TRY(auto function, linked->find_function("", fmt::format("pass{}", i)));
      for (const wit::Value& value : values_[i]) {
        WATTLE_TRY(auto result, instance->call(*function, {&value, 1}, limits()));
        const bool same = result && *result == value && seen == value;
        passed += same ? 1 : 0;
        if (!same)
          fmt::print("component {} function {} ({}): sent {}, host saw {}\n", index, i,
                     wit::to_string(functions_[i]), wit::to_wave(functions_[i].result, value),
                     wit::to_wave(functions_[i].result, seen));
      }
    }
    return passed;
  }

  // An element of the list that compare.mjs reads; null: not for jco.
  std::string javascript() const {
    if (!for_jco_) return "null,\n";
    std::string text = "[";
    for (uint32_t i = 0; i < kFunctions; i++) {
      text += "[";
      for (const wit::Value& value : values_[i])
        text += fmt::format("() => ({}), ", to_javascript(functions_[i].result, value));
      text += "], ";
    }
    return text + "],\n";
  }

 private:
  // jco has neither latin1+utf16 nor a copy from UTF-16 to UTF-16: it gives up on such components as a whole.
  static bool is_known_to_jco(const std::vector<component::StringEncoding>& encodings) {
    using component::StringEncoding;
    for (size_t i = 0; i < encodings.size(); i++) {
      if (encodings[i] == StringEncoding::latin1_utf16) return false;
      if (i > 0 && encodings[i] == StringEncoding::utf16 && encodings[i - 1] == StringEncoding::utf16)
        return false;
    }
    return true;
  }

  wit::Random random_;
  std::vector<wit::FunctionType> functions_;
  std::vector<std::vector<wit::Value>> values_;
  std::vector<uint8_t> binary_;
  bool for_jco_ = true;
};

int run(const Options& options) {
  std::filesystem::create_directories(options.folder);
  std::ofstream cases(std::filesystem::path(options.folder) / "cases.mjs", std::ios::binary);
  cases << "export default [\n";
  uint32_t passed = 0, total = 0, comparable = 0;
  const auto take = [&](uint32_t index, const auto& one) {
    const auto result = one.run(index);
    if (!result) fmt::print("component {}: {}\n", index, result.error().full_message());
    passed += result.value_or(0);
    total += kFunctions * kValues;
    comparable += one.for_jco() ? 1 : 0;
    cases << one.javascript();
    const auto path = std::filesystem::path(options.folder) / fmt::format("{}.wasm", index);
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(one.binary().data()),
               static_cast<std::streamsize>(one.binary().size()));
  };
  for (uint32_t i = 0; comparable < options.components; i++) {
    if (i % kResourcesEvery == kResourcesEvery - 1)
      take(i, ResourceCase(options.seed, i));
    else
      take(i, Case(options.seed, i));
  }
  cases << "];\n";
  fmt::print("wattle: {} of {} values came through unchanged\n", passed, total);
  return passed == total ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Random types and values through wattle's canonical ABI, to be compared with jco's");
  Options options;
  app.add_option("FOLDER", options.folder, "Where components and values are written")->required();
  app.add_option("--seed", options.seed, "Same seed, same cases");
  app.add_option("--components", options.components,
                 "How many that jco can run as well, with 10 values each");
  CLI11_PARSE(app, argc, argv);
  if (auto started = engine::start({}); !started) {
    fmt::print(stderr, "wattle-differential: {}\n", started.error().full_message());
    return 2;
  }
  return run(options);
}
