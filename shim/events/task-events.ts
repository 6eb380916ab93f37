import {
  TaskCheckpointed,
  TaskCreate,
  TaskDelete,
  TaskExecAdded,
  TaskExecStarted,
  TaskExit,
  TaskOOM,
  TaskPaused,
  TaskResumed,
  TaskStart,
} from '../../proto/gen/containerd/events/task.ts';
import type { ExitRecord } from '../monitor/messages.ts';
import { now, type EventTime, type TaskEvent } from './event.ts';

/** Topics and types: containerd, runtime/events.go and api/events/task.proto. */
function taskEvent(name: string, topic: string, message: { finish(): Uint8Array }, timestamp = now()): TaskEvent {
  return { topic: `/tasks/${topic}`, typeUrl: `containerd.events.${name}`, value: message.finish(), timestamp };
}

export const taskCreate = (message: TaskCreate): TaskEvent =>
  taskEvent('TaskCreate', 'create', TaskCreate.encode(message));

export const taskStart = (containerId: string, pid: number): TaskEvent =>
  taskEvent('TaskStart', 'start', TaskStart.encode({ containerId, pid }));

/** Clients tell the init's exit from an exec's by id being the container's. */
export const taskExit = (containerId: string, pid: number, exit: ExitRecord): TaskEvent =>
  taskEvent(
    'TaskExit',
    'exit',
    TaskExit.encode({ containerId, id: containerId, pid, exitStatus: exit.status, exitedAt: exitTime(exit) }),
  );

export const taskExecAdded = (containerId: string, execId: string): TaskEvent => ({
  ...taskEvent('TaskExecAdded', 'exec-added', TaskExecAdded.encode({ containerId, execId })),
  execId,
});

export const taskExecStarted = (containerId: string, execId: string, pid: number): TaskEvent => ({
  ...taskEvent('TaskExecStarted', 'exec-started', TaskExecStarted.encode({ containerId, execId, pid })),
  execId,
});

export const taskExecExit = (containerId: string, execId: string, pid: number, exit: ExitRecord): TaskEvent => {
  const message = { containerId, id: execId, pid, exitStatus: exit.status, exitedAt: exitTime(exit) };
  return { ...taskEvent('TaskExit', 'exit', TaskExit.encode(message)), execId };
};

export const taskDelete = (containerId: string, pid: number, exit: ExitRecord): TaskEvent =>
  taskEvent(
    'TaskDelete',
    'delete',
    TaskDelete.encode({ containerId, id: '', pid, exitStatus: exit.status, exitedAt: exitTime(exit) }),
  );

export const taskOom = (containerId: string): TaskEvent => taskEvent('TaskOOM', 'oom', TaskOOM.encode({ containerId }));

export const taskCheckpointed = (containerId: string, checkpoint: string): TaskEvent =>
  taskEvent('TaskCheckpointed', 'checkpointed', TaskCheckpointed.encode({ containerId, checkpoint }));

export const taskPaused = (containerId: string): TaskEvent =>
  taskEvent('TaskPaused', 'paused', TaskPaused.encode({ containerId }));

export const taskResumed = (containerId: string): TaskEvent =>
  taskEvent('TaskResumed', 'resumed', TaskResumed.encode({ containerId }));

export const exitTime = ({ seconds, nanoseconds }: ExitRecord): EventTime => ({ seconds, nanos: nanoseconds });
