# pragma version 0.4.3
"""
@title Runner
@notice Executes many steps of a chunk in dispute in one transaction, by the contracts that execute each.
"""
import machine
import trees

initializes: trees

interface Dispute:
    def advance(subject: bytes32, before: bytes32, behind: bytes32): nonpayable
    def is_executor(executor: address) -> bool: view

interface Executor:
    def step(
        subject: bytes32, progress: machine.Progress, witness: machine.Witness
    ) -> machine.Progress: nonpayable

MOST_STEPS: constant(uint256) = 64
DISPUTE: immutable(Dispute)


@deploy
def __init__(dispute: address):
    """
    @param dispute The contract that keeps the progress of disputes.
    """
    trees.__init__()
    DISPUTE = Dispute(dispute)


@external
def steps(
    subject: bytes32,
    progress: machine.Progress,
    executors: DynArray[address, MOST_STEPS],
    witnesses: DynArray[machine.Witness, MOST_STEPS],
) -> machine.Progress:
    """
    @notice Execute the next steps, each as its contract's `step` does; it ends behind one that is not allowed.
    @param executors Of each step its contract.
    @return Where the dispute stands behind them.
    @custom:errors EXECUTOR: not one of the contracts of steps, or not one a step; as in `step`.
    """
    assert len(executors) == len(witnesses), "EXECUTOR"
    behind: machine.Progress = progress
    for k: uint256 in range(len(witnesses), bound=MOST_STEPS):
        assert staticcall DISPUTE.is_executor(executors[k]), "EXECUTOR"
        behind = extcall Executor(executors[k]).step(empty(bytes32), behind, witnesses[k])
        if behind.code != machine.ALLOWED:
            break
    if subject != empty(bytes32):
        extcall DISPUTE.advance(subject, machine.progress_hash(progress), machine.progress_hash(behind))
    return behind
