import { type Ref, refKey } from "../resources/index.ts";
import type { TranslationContext } from "./context.ts";

type Asked = "upstream" | "upstreamGroup" | "tlsSecret" | "kubernetesService" | "hasKubernetes" | "settings";

/** What a translation asked of its context, each thing once, flat: what, argument, answer, and so on. */
export type Answers = readonly unknown[];

/** A context that notes what it is asked. */
export interface Recorder {
  readonly context: TranslationContext;
  answers(): Answers;
}

export function createRecorder(context: TranslationContext): Recorder {
  const answers: unknown[] = [];
  const known = new Map<string, unknown>();
  const ask = <T>(asked: Asked, ref: Ref | undefined, find: () => T): T => {
    const key = ref === undefined ? asked : `${asked} ${refKey(ref)}`;
    if (known.has(key)) return known.get(key) as T;
    const answer = find();
    known.set(key, answer);
    answers.push(asked, ref, answer);
    return answer;
  };
  return {
    answers: () => answers,
    context: {
      upstream: (ref) => ask("upstream", ref, () => context.upstream(ref)),
      upstreamGroup: (ref) => ask("upstreamGroup", ref, () => context.upstreamGroup(ref)),
      tlsSecret: (ref) => ask("tlsSecret", ref, () => context.tlsSecret(ref)),
      get kubernetesService() {
        const { kubernetesService } = context;
        ask("hasKubernetes", undefined, () => kubernetesService !== undefined);
        return kubernetesService && ((ref: Ref) => ask("kubernetesService", ref, () => kubernetesService(ref)));
      },
      get settings() {
        return ask("settings", undefined, () => context.settings);
      },
      maxDirectResponseBodyBytes: context.maxDirectResponseBodyBytes,
    },
  };
}

/** Asks everything again. An answer that is another object is taken for another answer. */
export function answersSame(answers: Answers, context: TranslationContext): boolean {
  for (let i = 0; i < answers.length; i += 3) {
    if (answerOf(answers[i] as Asked, answers[i + 1] as Ref, context) !== answers[i + 2]) return false;
  }
  return true;
}

function answerOf(asked: Asked, ref: Ref, context: TranslationContext): unknown {
  if (asked === "settings") return context.settings;
  return asked === "hasKubernetes" ? context.kubernetesService !== undefined : context[asked]?.(ref);
}
