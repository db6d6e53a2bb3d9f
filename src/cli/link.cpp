// wattle link: the only way from one component or provider to another.

#include "cli/lattice_session.h"

namespace wattle::cli {
namespace {

struct LinkOptions : LatticeOptions {
  lattice::Link link;
  std::string package;
  bool keep_others = false;
};

// "wasi:keyvalue" in its two parts.
Result<void> split_package(const std::string& text, std::string& wit_namespace, std::string& wit_package) {
  const size_t colon = text.find(':');
  const bool whole = colon != std::string::npos && colon > 0 && colon + 1 < text.size() &&
                     text.find_first_of(":/@", colon + 1) == std::string::npos;
  if (!whole)
    return failure(
        Error(ErrorCode::invalid_argument, fmt::format("\"{}\" names no WIT package", text))
            .with_remedy("write NAMESPACE:PACKAGE, for example wasi:keyvalue; interfaces are named "
                         "with --interface, without version"));
  wit_namespace = text.substr(0, colon);
  wit_package = text.substr(colon + 1);
  return {};
}

Result<void> put_link(Lattice& lattice, const LinkOptions& options, const Output& output) {
  lattice::Link link = options.link;
  WATTLE_CHECK(split_package(options.package, link.wit_namespace, link.wit_package));
  WATTLE_TRY(const auto message,
             options.keep_others ? lattice.control.put_link(link) : lattice.control.replace_link(link));
  if (output.json()) {
    output.line(fmt::format(R"({{"link":{},"result":"put","message":{}}})", lattice::to_json(link),
                            json_string(message)));
  } else {
    output.line(fmt::format("link {} -> {} ({}/{}) put", link.source_id, link.target, options.package,
                            fmt::join(link.interfaces, ",")));
  }
  return {};
}

Result<void> delete_link(Lattice& lattice, const LinkOptions& options, const Output& output) {
  lattice::LinkKey key{
      .source_id = options.link.source_id, .name = options.link.name, .wit_namespace = {}, .wit_package = {}};
  WATTLE_CHECK(split_package(options.package, key.wit_namespace, key.wit_package));
  WATTLE_TRY(const auto message, lattice.control.delete_link(key));
  if (output.json()) {
    output.line(fmt::format(R"({{"link":{},"result":"deleted","message":{}}})", lattice::to_json(key),
                            json_string(message)));
  } else {
    output.line(
        fmt::format("links of {} for {}, named {}, deleted", key.source_id, options.package, key.name));
  }
  return {};
}

void add_put(CLI::App& link, Session& session) {
  auto* verb = link.add_subcommand(
      "put", "Makes a link, or has it lead elsewhere: at once, while calls under way finish where they are");
  auto options = std::make_shared<LinkOptions>();
  options->add_to(*verb);
  verb->add_option("source", options->link.source_id, "Id of the component or provider that calls")
      ->required();
  verb->add_option("target", options->link.target, "Id of the component or provider that is called")
      ->required();
  verb->add_option("package", options->package, "The interfaces' WIT package")
      ->type_name("NAMESPACE:PACKAGE")
      ->required();
  verb->add_option("--interface", options->link.interfaces, "An interface of it; give several times for more")
      ->type_name("NAME")
      ->allow_extra_args(false)
      ->required();
  verb->add_option("--link-name", options->link.name, "What the source calls it")->capture_default_str();
  verb->add_option("--source-config", options->link.source_config, "A config for the source")
      ->type_name("NAME")
      ->allow_extra_args(false);
  verb->add_option("--target-config", options->link.target_config, "A config for the target")
      ->type_name("NAME")
      ->allow_extra_args(false);
  verb->add_flag("--keep-others", options->keep_others,
                 "Refuse when an interface leads to another target already");
  verb->footer(
      "Examples:\n"
      "  wattle link put shop-api shop-kv wasi:keyvalue --interface store --target-config redis\n"
      "  wattle link put http-server shop-api wasi:http --interface incoming-handler --source-config web");
  on_lattice<LinkOptions>(*verb, session, options, put_link);
}

void add_delete(CLI::App& link, Session& session) {
  auto* verb = link.add_subcommand("del", "Deletes a source's links of one package and name");
  auto options = std::make_shared<LinkOptions>();
  options->add_to(*verb);
  verb->add_option("source", options->link.source_id, "Id of the component or provider that calls")
      ->required();
  verb->add_option("package", options->package, "The interfaces' WIT package")
      ->type_name("NAMESPACE:PACKAGE")
      ->required();
  verb->add_option("--link-name", options->link.name, "What the source calls it")->capture_default_str();
  verb->footer("Example:\n  wattle link del shop-api wasi:keyvalue");
  on_lattice<LinkOptions>(*verb, session, options, delete_link);
}

}  // namespace

void add_link(CLI::App& app, Session& session) {
  auto* link = app.add_subcommand("link", "Makes, deletes and lists links");
  link->require_subcommand(1);
  link->footer("Example:\n  wattle link put shop-api shop-kv wasi:keyvalue --interface store");
  add_put(*link, session);
  add_delete(*link, session);
  add_link_query(*link, session);
}

}  // namespace wattle::cli
