// Carries out what a Reconciler says, over the control protocol and in the store of manifests.
#pragma once

#include "lattice/control_client.h"
#include "lattice/lattice_state.h"
#include "manager/application_store.h"
#include "manager/reconciler.h"

namespace wattle::manager {

class CommandRunner {
 public:
  // All of these outlive it.
  CommandRunner(lattice::Bus& bus, ApplicationStore& store, lattice::LatticeState& state,
                std::string lattice);
  // Within the fiber's deadline. Acknowledged is not done: hosts say later what they did.
  CommandDone run(const Command& command);

 private:
  Result<void> run(const Ask& ask, CommandDone& done);
  Result<void> run(const Scale& scale, CommandDone& done);
  Result<void> run(const StartProvider& start, CommandDone& done);
  Result<void> run(const StopProvider& stop, CommandDone& done);
  Result<void> run(const PutLink& put, CommandDone& done);
  Result<void> run(const DeleteLinks& links, CommandDone& done);
  Result<void> run(const PutConfig& put, CommandDone& done);
  Result<void> run(const DeleteConfig& config, CommandDone& done);
  Result<void> run(const PutWeights& put, CommandDone& done);
  Result<void> run(const PutBorder& put, CommandDone& done);
  Result<void> run(const DeleteBorder& border, CommandDone& done);
  Result<void> run(const SaveNote& save, CommandDone& done);
  Result<void> run(const RemoveNote& note, CommandDone& done);
  Result<void> run(const RollBack& back, CommandDone& done);

  lattice::ControlClient control_;
  ApplicationStore& store_;
  lattice::LatticeState& state_;
};

}  // namespace wattle::manager
