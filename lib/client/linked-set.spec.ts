/**
 * Members that leave from every place of the set, and while somebody looks at all of them.
 */
import { describe, expect, it } from '@jest/globals';
import { type Linked, LinkedSet } from './linked-set.js';

class Member implements Linked<Member> {
  next: Member | undefined;
  previous: Member | undefined;

  constructor(readonly name: string) {}
}

function setOf(...names: string[]): { set: LinkedSet<Member>; members: Member[] } {
  const set = new LinkedSet<Member>();
  const members = names.map((name) => new Member(name));
  members.forEach((member) => set.add(member));
  return { set, members };
}

const namesIn = (set: LinkedSet<Member>): string[] => [...set].map(({ name }) => name).toSorted();

describe('LinkedSet', () => {
  it.each([[[0]], [[1]], [[2]], [[0, 1]], [[1, 0]], [[2, 1]], [[0, 2]], [[0, 1, 2]], [[1, 2, 0]]])(
    'has what is left when members %j have gone',
    (gone) => {
      const { set, members } = setOf('a', 'b', 'c');
      gone.forEach((index) => set.delete(members[index] as Member));
      const left = ['a', 'b', 'c'].filter((_, index) => !gone.includes(index));
      expect([namesIn(set), set.size]).toEqual([left, left.length]);
    },
  );

  it('takes a member again', () => {
    const { set, members } = setOf('a', 'b', 'c');
    const [first, second] = members as [Member, Member];
    set.delete(second);
    set.delete(first);
    set.add(second);
    expect([namesIn(set), set.size]).toEqual([['b', 'c'], 2]);
  });

  it('leaves no links in a member that has gone', () => {
    const { set, members } = setOf('a', 'b', 'c');
    members.forEach((member) => set.delete(member));
    expect(members.flatMap(({ next, previous }) => [next, previous])).toEqual(Array(6).fill(undefined));
  });

  it('shows the members of the moment, whoever leaves or comes meanwhile', () => {
    const { set, members } = setOf('a', 'b', 'c');
    const seen: string[] = [];
    for (const { name } of set) {
      if (seen.length === 0) {
        members.forEach((member) => set.delete(member));
        set.add(new Member('d'));
      }
      seen.push(name);
    }
    expect([seen.toSorted(), namesIn(set)]).toEqual([['a', 'b', 'c'], ['d']]);
  });
});
