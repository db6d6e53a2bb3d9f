#include "manager/commands.h"

namespace wattle::manager {
namespace {

// What was said to be there, or gone, is so already.
Result<void> unless(ErrorCode code, const Result<std::string>& done) {
  if (done || done.error().code() == code) return {};
  return failure(done.error());
}

Result<void> without_text(const Result<std::string>& done) {
  if (done) return {};
  return failure(done.error());
}

}  // namespace

CommandRunner::CommandRunner(lattice::Bus& bus, ApplicationStore& store, lattice::LatticeState& state,
                             std::string lattice)
    : control_(bus, {.lattice = std::move(lattice)}), store_(store), state_(state) {}

CommandDone CommandRunner::run(const Command& command) {
  CommandDone done;
  done.command = command.id;
  done.result = std::visit([&](const auto& action) { return run(action, done); }, command.action);
  return done;
}

Result<void> CommandRunner::run(const Ask& ask, CommandDone& done) {
  WATTLE_TRY(done.inventory, control_.inventory(ask.host_id));
  return {};
}

Result<void> CommandRunner::run(const Scale& scale, CommandDone&) {
  lattice::ScaleComponent request;
  request.component_ref = scale.reference;
  request.component_id = scale.id;
  request.annotations = scale.annotations;
  request.count = scale.count;
  request.host_id = scale.host_id;
  request.config = scale.configs;
  if (scale.count != 0) request.component_limits = scale.limits;
  request.beside = true;
  request.idle_after_ms = std::chrono::duration_cast<std::chrono::milliseconds>(scale.idle_after).count();
  return without_text(control_.scale_component(request));
}

Result<void> CommandRunner::run(const StartProvider& start, CommandDone&) {
  lattice::StartProvider request;
  request.provider_id = start.id;
  request.provider_ref = start.reference;
  request.host_id = start.host_id;
  request.config = start.configs;
  request.annotations = start.annotations;
  return unless(ErrorCode::already_exists, control_.start_provider(request));
}

Result<void> CommandRunner::run(const StopProvider& stop, CommandDone&) {
  return unless(ErrorCode::not_found,
                control_.stop_provider({.host_id = stop.host_id, .provider_id = stop.id}));
}

Result<void> CommandRunner::run(const PutLink& put, CommandDone&) {
  return without_text(put.replaces ? control_.replace_link(put.link) : control_.put_link(put.link));
}

Result<void> CommandRunner::run(const DeleteLinks& links, CommandDone&) {
  return without_text(control_.delete_link({.source_id = links.group.source_id,
                                            .name = links.group.name,
                                            .wit_namespace = links.group.wit_namespace,
                                            .wit_package = links.group.wit_package}));
}

Result<void> CommandRunner::run(const PutConfig& put, CommandDone&) {
  return without_text(control_.put_config(put.name, put.values));
}

Result<void> CommandRunner::run(const DeleteConfig& config, CommandDone&) {
  return without_text(control_.delete_config(config.name));
}

Result<void> CommandRunner::run(const PutWeights& put, CommandDone&) {
  return without_text(control_.put_weights(put.id, put.weights));
}

Result<void> CommandRunner::run(const PutBorder& put, CommandDone&) {
  return state_.put_border(put.border);
}

Result<void> CommandRunner::run(const DeleteBorder& border, CommandDone&) {
  return state_.delete_border(border.application);
}

Result<void> CommandRunner::run(const SaveNote& save, CommandDone&) {
  return store_.put_note(save.application, to_json(save.note));
}

Result<void> CommandRunner::run(const RemoveNote& note, CommandDone&) {
  return store_.remove_note(note.application);
}

Result<void> CommandRunner::run(const RollBack& back, CommandDone&) {
  return store_.roll_back(back.application, back.from, back.to, back.why);
}

}  // namespace wattle::manager
