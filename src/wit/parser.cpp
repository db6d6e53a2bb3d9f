#include "wit/parser.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "wit/lexer.h"
#include "wit/transcode.h"

namespace wattle::wit {
namespace {

constexpr std::array<std::string_view, 13> kPlainBuiltins = {
    "bool", "s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64", "char", "string"};

bool is_plain_builtin(std::string_view name) {
  return std::find(kPlainBuiltins.begin(), kPlainBuiltins.end(), name) != kPlainBuiltins.end();
}

// Keywords that older files use as names and that nothing can mistake for another thing where a name stands.
bool is_tolerated_name(std::string_view word) {
  return word == "map" || word == "own" || word == "from";
}

class Parser {
 public:
  Parser(std::string_view file_name, std::string_view text) : lexer_(file_name, text) {
    file_.name = file_name;
  }

  Result<ast::File> run() {
    WATTLE_CHECK(advance());
    while (token_.kind != TokenKind::end) WATTLE_CHECK(top_level());
    return std::move(file_);
  }

 private:
  // ---- Tokens

  Result<void> advance() {
    WATTLE_TRY(token_, lexer_.next());
    return {};
  }

  bool at(std::string_view text) const {
    return token_.text == text &&
           (token_.kind == TokenKind::identifier || token_.kind == TokenKind::punctuation);
  }

  tl::unexpected<Error> unexpected(std::string_view expected) const {
    return lexer_.error_at(token_.position,
                           fmt::format("found {}, expected {}", Lexer::describe(token_), expected));
  }

  Result<void> expect(std::string_view text, std::string_view after) {
    if (!at(text)) return unexpected(fmt::format("'{}' {}", text, after));
    return advance();
  }

  // True, and past it, if `text` stands here.
  Result<bool> accept(std::string_view text) {
    if (!at(text)) return false;
    WATTLE_CHECK(advance());
    return true;
  }

  Result<ast::Identifier> identifier(std::string_view expected) {
    bool is_name = token_.kind == TokenKind::escaped_identifier || token_.kind == TokenKind::identifier;
    if (!is_name) return unexpected(expected);
    if (token_.kind == TokenKind::identifier && is_wit_keyword(token_.text) &&
        !is_tolerated_name(token_.text))
      return lexer_.error_at(token_.position,
                             fmt::format("found the keyword '{0}', expected {1}; a name that is a "
                                         "keyword is written %{0}",
                                         token_.text, expected));
    ast::Identifier name{std::string(token_.text), token_.position};
    WATTLE_CHECK(advance());
    return name;
  }

  // The version after '@', on which the parser stands; or none.
  Result<std::optional<Version>> optional_version() {
    if (!at("@")) return std::optional<Version>();
    WATTLE_TRY(Version version, lexer_.version());
    WATTLE_CHECK(advance());
    return std::optional<Version>(std::move(version));
  }

  // Elements up to `close`, commas between, one allowed at the end.
  template <class Element>
  Result<void> comma_list(std::string_view close, Element element) {
    while (!at(close)) {
      WATTLE_CHECK(element());
      WATTLE_TRY(bool more, accept(","));
      if (!more && !at(close)) return unexpected(fmt::format("',' or '{}'", close));
    }
    return advance();
  }

  // ---- Names of packages and interfaces

  Result<ast::PackageHeader> package_header() {
    ast::PackageHeader header{{}, token_.position, token_.documentation};
    WATTLE_CHECK(advance());  // "package"
    WATTLE_TRY(ast::Identifier space, identifier("the namespace of a package, like wasi"));
    WATTLE_CHECK(expect(":", "after the package's namespace"));
    WATTLE_TRY(ast::Identifier name, identifier("the name of a package"));
    header.name = {std::move(space.text), std::move(name.text), {}};
    if (at(":") || at("/"))
      return lexer_.error_at(token_.position, "nested namespaces and packages are not supported");
    WATTLE_TRY(header.name.version, optional_version());
    return header;
  }

  Result<ast::Path> path(std::string_view expected) {
    ast::Path path;
    WATTLE_TRY(path.interface, identifier(expected));
    WATTLE_TRY(bool is_qualified, accept(":"));
    if (!is_qualified) return path;
    WATTLE_TRY(ast::Identifier package, identifier("the name of a package"));
    path.package = PackageName{std::move(path.interface.text), std::move(package.text), {}};
    WATTLE_CHECK(expect("/", "and an interface after the package"));
    WATTLE_TRY(path.interface, identifier("the name of an interface"));
    WATTLE_TRY(path.package->version, optional_version());
    return path;
  }

  // ---- Top level

  Result<void> top_level() {
    if (at("package")) return package();
    return item(file_.items);
  }

  Result<void> package() {
    bool is_first = !file_.package && file_.items.interfaces.empty() && file_.items.worlds.empty() &&
                    file_.items.uses.empty() && file_.nested.empty();
    WATTLE_TRY(ast::PackageHeader header, package_header());
    if (at(";")) {
      if (!is_first)
        return lexer_.error_at(header.position, "a file's package is declared once, before everything else");
      file_.package = std::move(header);
      return advance();
    }
    if (!at("{")) return unexpected("';' or '{' after the package");
    WATTLE_CHECK(advance());
    ast::NestedPackage nested{std::move(header), {}};
    while (!at("}")) WATTLE_CHECK(item(nested.items));
    file_.nested.push_back(std::move(nested));
    return advance();
  }

  Result<void> item(ast::Items& items) {
    WATTLE_TRY(ast::Preamble preamble, preamble_here());
    if (at("interface")) {
      WATTLE_CHECK(advance());
      WATTLE_TRY(ast::Identifier name, identifier("the interface's name"));
      WATTLE_TRY(ast::Interface interface, interface_body());
      interface.preamble = std::move(preamble);
      interface.name = std::move(name);
      items.interfaces.push_back(std::move(interface));
      return {};
    }
    if (at("world")) {
      WATTLE_TRY(ast::World world, world_here());
      world.preamble = std::move(preamble);
      items.worlds.push_back(std::move(world));
      return {};
    }
    if (at("use")) return top_level_use(items);
    return unexpected("'package', 'interface', 'world' or 'use'");
  }

  Result<void> top_level_use(ast::Items& items) {
    WATTLE_CHECK(advance());
    ast::TopLevelUse use;
    WATTLE_TRY(use.path, path("the interface to use"));
    use.alias = use.path.interface;
    WATTLE_TRY(bool is_renamed, accept("as"));
    if (is_renamed) {
      WATTLE_TRY(use.alias, identifier("a name after 'as'"));
    }
    items.uses.push_back(std::move(use));
    return expect(";", "after the use");
  }

  // ---- Gates

  Result<ast::Preamble> preamble_here() {
    ast::Preamble preamble;
    preamble.documentation = token_.documentation;
    while (at("@")) {
      WATTLE_CHECK(gate(preamble.gate));
      if (token_.documentation.empty()) continue;
      if (!preamble.documentation.empty()) preamble.documentation += '\n';
      preamble.documentation += token_.documentation;
    }
    return preamble;
  }

  Result<void> gate(Gate& gate) {
    WATTLE_CHECK(advance());
    ast::Position position = token_.position;
    std::string kind(token_.text);
    if (kind != "since" && kind != "unstable" && kind != "deprecated")
      return unexpected("since, unstable or deprecated after '@'");
    WATTLE_CHECK(advance());
    WATTLE_CHECK(expect("(", fmt::format("after '@{}'", kind)));
    std::string_view field = kind == "unstable" ? "feature" : "version";
    WATTLE_CHECK(expect(field, fmt::format("in '@{}'", kind)));
    if (!at("=")) return unexpected(fmt::format("'=' after '{}'", field));
    if (kind == "unstable") {
      WATTLE_CHECK(advance());
      WATTLE_TRY(ast::Identifier feature, identifier("the name of a feature"));
      gate.unstable = std::move(feature.text);
    } else {
      WATTLE_TRY(Version version, lexer_.version());
      (kind == "since" ? gate.since : gate.deprecated) = std::move(version);
      WATTLE_CHECK(advance());
    }
    if (gate.since && !gate.unstable.empty())
      return lexer_.error_at(position, "an item is either @since or @unstable, not both");
    return expect(")", fmt::format("at the end of '@{}'", kind));
  }

  // ---- Interfaces

  // From the opening brace.
  Result<ast::Interface> interface_body() {
    ast::Interface interface;
    WATTLE_CHECK(expect("{", "after the interface's name"));
    while (!at("}")) {
      WATTLE_TRY(ast::Preamble preamble, preamble_here());
      if (at("use")) {
        WATTLE_TRY(ast::Use use, use_here());
        use.preamble = std::move(preamble);
        interface.items.emplace_back(std::move(use));
      } else if (is_at_type_definition()) {
        WATTLE_TRY(ast::TypeDefinition type, type_definition());
        type.preamble = std::move(preamble);
        interface.items.emplace_back(std::move(type));
      } else {
        WATTLE_TRY(ast::Function function, function_item("a function, a type, 'use' or '}'"));
        function.preamble = std::move(preamble);
        interface.items.emplace_back(std::move(function));
      }
    }
    WATTLE_CHECK(advance());
    return interface;
  }

  Result<ast::Use> use_here() {
    WATTLE_CHECK(advance());
    ast::Use use;
    WATTLE_TRY(use.path, path("the interface to use types of"));
    WATTLE_CHECK(expect(".", "and names in braces after the interface"));
    WATTLE_CHECK(expect("{", "before the names to use"));
    WATTLE_CHECK(comma_list("}", [&]() -> Result<void> {
      ast::Use::Name name;
      WATTLE_TRY(name.name, identifier("the name of a type"));
      name.alias = name.name;
      WATTLE_TRY(bool is_renamed, accept("as"));
      if (is_renamed) {
        WATTLE_TRY(name.alias, identifier("a name after 'as'"));
      }
      use.names.push_back(std::move(name));
      return {};
    }));
    if (use.names.empty())
      return lexer_.error_at(use.path.interface.position, "a use names at least one type");
    WATTLE_CHECK(expect(";", "after the use"));
    return use;
  }

  Result<ast::Function> function_item(std::string_view expected) {
    ast::Function function;
    WATTLE_TRY(function.name, identifier(expected));
    WATTLE_CHECK(expect(":", "after the function's name"));
    WATTLE_TRY(bool is_static, accept("static"));
    if (is_static) function.role = ast::FunctionRole::static_function;
    WATTLE_TRY(function.type, function_type());
    WATTLE_CHECK(expect(";", "after the function"));
    return function;
  }

  Result<ast::FunctionExpression> function_type() {
    ast::FunctionExpression type;
    WATTLE_TRY(type.is_async, accept("async"));
    if (!at("func")) return unexpected("'func'");
    WATTLE_CHECK(advance());
    WATTLE_TRY(type.parameters, parameters());
    WATTLE_TRY(bool has_result, accept("->"));
    if (!has_result) return type;
    if (at("("))
      return lexer_.error_at(token_.position, "a function has one result; return a tuple or a record");
    WATTLE_TRY(type.result, type_expression());
    return type;
  }

  Result<std::vector<ast::NamedType>> parameters() {
    std::vector<ast::NamedType> parameters;
    WATTLE_CHECK(expect("(", "before the parameters"));
    WATTLE_CHECK(comma_list(")", [&] { return field(parameters, "the name of a parameter"); }));
    return parameters;
  }

  Result<void> field(std::vector<ast::NamedType>& fields, std::string_view expected) {
    ast::NamedType field;
    field.documentation = token_.documentation;
    WATTLE_TRY(field.name, identifier(expected));
    WATTLE_CHECK(expect(":", fmt::format("and a type after '{}'", field.name.text)));
    WATTLE_TRY(field.type, type_expression());
    fields.push_back(std::move(field));
    return {};
  }

  // ---- Type definitions

  // A type's keyword starts a definition unless a ':' follows, which makes it a (badly named) function.
  bool is_at_type_definition() const {
    return at("type") || at("record") || at("variant") || at("enum") || at("flags") || at("resource");
  }

  Result<ast::TypeDefinition> type_definition() {
    ast::TypeDefinition type;
    std::string keyword(token_.text);
    WATTLE_CHECK(advance());
    WATTLE_TRY(type.name, identifier(fmt::format("the name of the {}", keyword)));
    if (keyword == "type") {
      WATTLE_CHECK(expect("=", "after the type's name"));
      WATTLE_TRY(type.alias, type_expression());
      WATTLE_CHECK(expect(";", "after the type"));
      return type;
    }
    if (keyword == "resource") {
      type.form = ast::TypeForm::resource;
      WATTLE_CHECK(resource_body(type));
      return type;
    }
    type.form = keyword == "record"    ? ast::TypeForm::record
                : keyword == "variant" ? ast::TypeForm::variant
                : keyword == "enum"    ? ast::TypeForm::enumeration
                                       : ast::TypeForm::flags;
    WATTLE_CHECK(expect("{", fmt::format("after the {}'s name", keyword)));
    WATTLE_CHECK(comma_list("}", [&] { return member(type); }));
    if (type.members.empty())
      return lexer_.error_at(type.name.position,
                             fmt::format("the {} '{}' is empty", keyword, type.name.text));
    return type;
  }

  Result<void> member(ast::TypeDefinition& type) {
    if (type.form == ast::TypeForm::record) return field(type.members, "the name of a field");
    ast::NamedType member;
    member.documentation = token_.documentation;
    WATTLE_TRY(member.name, identifier(type.form == ast::TypeForm::flags ? "the name of a flag" : "a case"));
    if (type.form == ast::TypeForm::variant) {
      WATTLE_TRY(bool has_payload, accept("("));
      if (has_payload) {
        WATTLE_TRY(member.type, type_expression());
        WATTLE_CHECK(expect(")", fmt::format("after the type of '{}'", member.name.text)));
      }
    }
    type.members.push_back(std::move(member));
    return {};
  }

  Result<void> resource_body(ast::TypeDefinition& type) {
    WATTLE_TRY(bool is_bare, accept(";"));
    if (is_bare) return {};
    WATTLE_CHECK(expect("{", "or ';' after the resource's name"));
    while (!at("}")) {
      WATTLE_TRY(ast::Preamble preamble, preamble_here());
      Result<ast::Function> function = at("constructor") ? constructor() : method();
      if (!function) return failure(std::move(function).error());
      function->preamble = std::move(preamble);
      type.functions.push_back(std::move(*function));
    }
    return advance();
  }

  Result<ast::Function> method() {
    WATTLE_TRY(ast::Function function, function_item("a method, 'constructor' or '}'"));
    if (function.role == ast::FunctionRole::plain) function.role = ast::FunctionRole::method;
    return function;
  }

  Result<ast::Function> constructor() {
    ast::Function function;
    function.role = ast::FunctionRole::constructor;
    function.name.position = token_.position;
    WATTLE_CHECK(advance());
    WATTLE_TRY(function.type.parameters, parameters());
    WATTLE_TRY(bool has_result, accept("->"));
    if (has_result) {
      WATTLE_TRY(function.type.result, type_expression());
    }
    WATTLE_CHECK(expect(";", "after the constructor"));
    return function;
  }

  // ---- Types

  Result<ast::TypeExpression> type_expression() {
    if (type_depth_ >= kMaxWrittenTypeDepth)
      return lexer_.error_at(token_.position, "types are nested too deeply");
    type_depth_++;
    Result<ast::TypeExpression> type = type_expression_here();
    type_depth_--;
    return type;
  }

  Result<ast::TypeExpression> type_expression_here() {
    ast::TypeExpression type;
    type.position = token_.position;
    if (token_.kind == TokenKind::escaped_identifier || !is_wit_keyword(token_.text)) {
      WATTLE_TRY(ast::Identifier name, identifier("a type"));
      type.name = std::move(name.text);
      return type;
    }
    type.name = token_.text;
    type.is_builtin = true;
    if (is_plain_builtin(type.name)) {
      WATTLE_CHECK(advance());
      return type;
    }
    constexpr std::array<std::string_view, 9> generic = {"tuple", "list",   "option", "result", "borrow",
                                                         "own",   "future", "stream", "map"};
    if (std::find(generic.begin(), generic.end(), type.name) == generic.end()) return unexpected("a type");
    WATTLE_CHECK(advance());
    if (!at("<")) return without_arguments(std::move(type));
    WATTLE_CHECK(advance());
    WATTLE_CHECK(comma_list(">", [&] { return argument(type); }));
    WATTLE_CHECK(check_arguments(type));
    return type;
  }

  Result<ast::TypeExpression> without_arguments(ast::TypeExpression type) {
    if (type.name == "result" || type.name == "future" || type.name == "stream") return type;
    if (is_tolerated_name(type.name)) {
      type.is_builtin = false;
      return type;
    }
    return unexpected(fmt::format("'<' after '{}'", type.name));
  }

  Result<void> argument(ast::TypeExpression& type) {
    ast::TypeExpression argument;
    argument.position = token_.position;
    bool is_first = type.arguments.empty();
    if (type.name == "result" && is_first && at("_")) {
      WATTLE_CHECK(advance());
    } else if (type.name == "list" && !is_first && token_.kind == TokenKind::integer) {
      argument.name = token_.text;
      WATTLE_CHECK(advance());
    } else {
      WATTLE_TRY(argument, type_expression());
    }
    type.arguments.push_back(std::move(argument));
    return {};
  }

  Result<void> check_arguments(const ast::TypeExpression& type) {
    size_t count = type.arguments.size();
    size_t least = type.name == "map" ? 2 : 1;
    size_t most = type.name == "tuple" ? SIZE_MAX : type.name == "result" || type.name == "list" ? 2 : least;
    bool is_only_placeholder = count == 1 && type.arguments[0].name.empty();
    if (count < least || count > most || is_only_placeholder)
      return lexer_.error_at(type.position,
                             fmt::format("'{}' does not take {} types like this", type.name, count));
    if (type.name == "list" && count == 2 &&
        !std::isdigit(static_cast<unsigned char>(type.arguments[1].name[0])))
      return lexer_.error_at(type.position, "'list' takes one type");
    bool is_handle = type.name == "borrow" || type.name == "own";
    if (is_handle && type.arguments[0].is_builtin)
      return lexer_.error_at(type.arguments[0].position,
                             fmt::format("'{}' takes the name of a resource", type.name));
    return {};
  }

  // ---- Worlds

  Result<ast::World> world_here() {
    WATTLE_CHECK(advance());
    ast::World world;
    WATTLE_TRY(world.name, identifier("the world's name"));
    WATTLE_CHECK(expect("{", "after the world's name"));
    while (!at("}")) {
      WATTLE_TRY(ast::Preamble preamble, preamble_here());
      WATTLE_TRY(ast::WorldItem item, world_item());
      std::visit([&](auto& any) { any.preamble = std::move(preamble); }, item);
      world.items.push_back(std::move(item));
    }
    WATTLE_CHECK(advance());
    return world;
  }

  Result<ast::WorldItem> world_item() {
    if (at("use")) return use_here().map(to_world_item<ast::Use>);
    if (is_at_type_definition()) return type_definition().map(to_world_item<ast::TypeDefinition>);
    if (at("include")) return include().map(to_world_item<ast::Include>);
    if (at("import") || at("export")) return extern_item().map(to_world_item<ast::Extern>);
    return unexpected("'import', 'export', 'include', 'use', a type or '}'");
  }

  template <class T>
  static ast::WorldItem to_world_item(T item) {
    return ast::WorldItem(std::move(item));
  }

  Result<void> renaming(ast::Include& include) {
    ast::Include::Renaming renaming;
    WATTLE_TRY(renaming.from, identifier("the name to change"));
    WATTLE_CHECK(expect("as", "and the new name"));
    WATTLE_TRY(renaming.to, identifier("the new name"));
    include.renamings.push_back(std::move(renaming));
    return {};
  }

  Result<ast::Include> include() {
    WATTLE_CHECK(advance());
    ast::Include include;
    WATTLE_TRY(include.world, path("the world to include"));
    WATTLE_TRY(bool has_renamings, accept("with"));
    if (has_renamings) {
      WATTLE_CHECK(expect("{", "after 'with'"));
      WATTLE_CHECK(comma_list("}", [&] { return renaming(include); }));
      WATTLE_TRY(bool has_semicolon, accept(";"));  // optional after a brace
      static_cast<void>(has_semicolon);
      return include;
    }
    WATTLE_CHECK(expect(";", "after the include"));
    return include;
  }

  // Whether "name :" stands here and starts a plain name, rather than a path "space:package/interface".
  Result<bool> is_at_plain_name() const {
    Lexer ahead = lexer_;
    WATTLE_TRY(Token colon, ahead.next());
    if (colon.text != ":" || colon.kind != TokenKind::punctuation) return false;
    WATTLE_TRY(Token target, ahead.next());
    if (target.kind == TokenKind::identifier &&
        (target.text == "func" || target.text == "async" || target.text == "interface"))
      return true;
    WATTLE_TRY(Token after, ahead.next());
    return after.text != "/";
  }

  Result<ast::Extern> extern_item() {
    ast::Extern item;
    item.is_export = at("export");
    item.position = token_.position;
    WATTLE_CHECK(advance());
    WATTLE_TRY(bool has_plain_name, is_at_plain_name());
    if (has_plain_name) {
      WATTLE_TRY(item.name, identifier("a name"));
      WATTLE_CHECK(advance());  // ":"
    }
    if (has_plain_name && at("interface")) {
      WATTLE_CHECK(advance());
      WATTLE_TRY(item.target, interface_body());
      return item;
    }
    if (has_plain_name && (at("func") || at("async"))) {
      WATTLE_TRY(item.target, function_type());
    } else {
      WATTLE_TRY(item.target, path("an interface or a name with a function"));
    }
    WATTLE_CHECK(expect(";", item.is_export ? "after the export" : "after the import"));
    return item;
  }

  Lexer lexer_;
  Token token_;
  ast::File file_;
  uint32_t type_depth_ = 0;
};

// Characters that make text look other than it is (WIT.md "Lexical structure").
bool is_bidirectional_control(char32_t character) {
  return (character >= 0x202a && character <= 0x202e) || (character >= 0x2066 && character <= 0x2069);
}

}  // namespace

Result<ast::File> parse_wit(std::string_view file_name, std::string_view text) {
  if (text.size() > kMaxWitBytes)
    return failure(ErrorCode::malformed, "{}: {} bytes are more than WIT text may have ({})", file_name,
                   text.size(), kMaxWitBytes);
  Bytes bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  if (Result<void> valid = validate_utf8(bytes); !valid)
    return failure(ErrorCode::malformed, "{}: not UTF-8: {}", file_name, valid.error().message());
  for (size_t position = ascii_prefix_bytes(bytes); position < text.size();)
    if (is_bidirectional_control(next_utf8(text, position)))
      return failure(ErrorCode::malformed, "{}: a character that changes the direction of text at byte {}",
                     file_name, position);
  return Parser(file_name, text).run();
}

}  // namespace wattle::wit
