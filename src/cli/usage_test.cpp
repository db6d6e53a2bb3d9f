#include "cli/usage.h"

#include <gtest/gtest.h>

namespace wattle::cli {
namespace {

class UsageTest : public testing::Test {
 protected:
  UsageTest() {
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.add_option("--output", output_);
    auto* verb = app_.add_subcommand("run", "");
    verb->add_option("component", component_)->required();
    verb->add_option("arguments", arguments_);
    verb->add_option("--timeout", timeout_);
    verb->add_option("--queue", queue_);
    auto* get = app_.add_subcommand("get", "");
    get->require_subcommand(1);
    auto* hosts = get->add_subcommand("hosts", "");
    hosts->add_option("--lattice", lattice_);
    get->add_subcommand("links", "");
    keep_lists_whole(app_);
  }

  void parse(std::vector<const char*> words) {
    words.insert(words.begin(), "wattle");
    app_.parse(parser_words(static_cast<int>(words.size()), words.data()));
  }
  // The message and the remedy.
  std::string refusal(const std::vector<const char*>& words) {
    try {
      parse(words);
    } catch (const CLI::ParseError& error) {
      const Error refused = usage_error(app_, error);
      return refused.message() + "; " + refused.remedy();
    }
    return "not refused";
  }

  CLI::App app_{"", "wattle"};
  std::string output_, component_, timeout_, lattice_;
  uint32_t queue_ = 0;
  std::vector<std::string> arguments_;
};

TEST_F(UsageTest, KeepsListsWhole) {
  parse({"run", "[app]", "[1, 2]", "[]", "[", "[x]\x1f", "--timeout", "[3,4]"});
  EXPECT_EQ(component_, "[app]");
  EXPECT_EQ(arguments_, (std::vector<std::string>{"[1, 2]", "[]", "[", "[x]\x1f"}));
  EXPECT_EQ(timeout_, "[3,4]");
}

TEST_F(UsageTest, GuessesVerbsAndOptions) {
  EXPECT_EQ(refusal({"rum", "x"}),
            "there is no verb \"rum\"; did you mean \"run\"? \"wattle --help\" lists the verbs");
  EXPECT_EQ(refusal({"run", "x", "--timout=5s"}),
            "\"wattle run\" has no option --timout; did you mean \"--timeout\"? see \"wattle run --help\"");
  EXPECT_EQ(refusal({"run", "x", "--outptu", "json"}),
            "\"wattle run\" has no option --outptu; did you mean \"--output\"? see \"wattle run --help\"");
}

TEST_F(UsageTest, GuessesNothingFarOff) {
  EXPECT_EQ(refusal({"deploy"}), "there is no verb \"deploy\"; \"wattle --help\" lists the verbs");
}

TEST_F(UsageTest, SaysWhatIsMissing) {
  EXPECT_EQ(refusal({}), "no verb is given; write one of run, get; \"wattle --help\" lists the verbs");
  EXPECT_EQ(refusal({"run"}), "no component is given; see \"wattle run --help\"");
  EXPECT_EQ(refusal({"run", "x", "--queue", "many"}),
            "--queue: \"many\" is not a whole number from 0 up; see \"wattle run --help\"");
}

TEST_F(UsageTest, KnowsVerbsBelowVerbs) {
  EXPECT_EQ(refusal({"get"}),
            "no verb is given behind \"wattle get\"; write one of hosts, links; \"wattle get --help\" lists "
            "the verbs");
  EXPECT_EQ(refusal({"get", "host"}),
            "there is no verb \"host\" behind \"wattle get\"; did you mean \"hosts\"? \"wattle get --help\" "
            "lists the verbs");
  EXPECT_EQ(refusal({"get", "hosts", "x"}),
            "\"x\" is one argument too many for \"wattle get hosts\"; see \"wattle get hosts --help\"");
  EXPECT_EQ(refusal({"get", "hosts", "--latice=x"}),
            "\"wattle get hosts\" has no option --latice; did you mean \"--lattice\"? see \"wattle get hosts "
            "--help\"");
}

TEST_F(UsageTest, AWordOfTheVerbMayBeAVerbsName) {
  parse({"run", "get", "hosts"});
  EXPECT_EQ(component_, "get");
  EXPECT_EQ(arguments_, (std::vector<std::string>{"hosts"}));
}

TEST(AsksForJson, ReadsTheGlobalOption) {
  const char* given[] = {"wattle", "run", "-o", "json"};
  EXPECT_TRUE(asks_for_json(4, given));
  EXPECT_FALSE(asks_for_json(3, given));
  const char* of_the_guest[] = {"wattle", "run", "--", "-o", "json"};
  EXPECT_FALSE(asks_for_json(5, of_the_guest));
}

}  // namespace
}  // namespace wattle::cli
