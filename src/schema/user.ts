import { ArgsType, Directive, Field, ID, InputType, ObjectType } from 'type-graphql';
import { describedEnum } from './enum.js';
import { connectionOf, PageArgs, type Connection } from './page.js';
import { CalendarDate, CountryCode, DateTime, EmailAddress } from './scalars.js';

/** Whether an account may be used. */
export const UserStatus = describedEnum('UserStatus', 'Whether an account may be used.', {
  ACTIVE: 'The account may sign in.',
  SUSPENDED: 'Sign-in is blocked until an administrator reinstates the account.',
  DELETED: 'The account is deleted; its record and its history stay, and it can be restored.',
});
export type UserStatus = keyof typeof UserStatus;

/** An account as the graph shows it. `role`, `roles`, `permissions` and `sessions` are field resolvers. */
@ObjectType({
  simpleResolvers: true,
  description:
    'Somebody with an account. Whoever may reach a user sees id, username, firstName and lastName; the other fields are for the account itself, for holders of users:read and for services with that scope, and are null with FORBIDDEN for anybody else. Referred to from other subgraphs, a deleted or unknown account answers its id, the username "deleted" and an empty firstName.',
})
@Directive('@key(fields: "id")')
export class User {
  @Field(() => ID, { description: 'The account for ever; a UUIDv7. The `sub` of its access tokens.' })
  id: string;

  @Field(() => String, { description: 'The unique name to sign in with and be found by.' })
  username: string;

  @Field(() => String, { description: 'Given name.' })
  firstName: string;

  @Field(() => String, { nullable: true, description: 'Family name.' })
  lastName?: string | null;

  @Field(() => String, { nullable: true, description: 'Middle name or patronymic.' })
  middleName?: string | null;

  @Field(() => EmailAddress, {
    nullable: true,
    description: 'The unique address to sign in with and be written to.',
  })
  email?: string | null;

  @Field(() => String, { nullable: true, description: 'Telephone number.' })
  phone?: string | null;

  @Field(() => String, { nullable: true, description: 'Telegram handle.' })
  telegram?: string | null;

  @Field(() => CountryCode, { nullable: true, description: 'Country of residence.' })
  country?: string | null;

  @Field(() => CalendarDate, { nullable: true, description: 'Date of birth.' })
  birthDate?: string | null;

  @Field(() => UserStatus, { nullable: true, description: 'Whether the account may be used.' })
  status?: UserStatus | null;

  @Field(() => Boolean, {
    nullable: true,
    description: 'Whether the email address was confirmed through a mailed link.',
  })
  isEmailVerified?: boolean | null;

  @Field(() => DateTime, {
    nullable: true,
    description: 'When the password was last set; null while there is none.',
  })
  passwordChangedAt?: Date | null;

  @Field(() => DateTime, {
    nullable: true,
    description: 'When the account last signed in; null if it never did.',
  })
  lastSignInAt?: Date | null;

  @Field(() => DateTime, { description: 'When the account was created.' })
  createdAt: Date;

  @Field(() => DateTime, { nullable: true, description: 'When the account was last changed.' })
  updatedAt?: Date | null;

  @Field(() => DateTime, {
    nullable: true,
    description: 'When the account was deleted; null while it is not.',
  })
  deletedAt?: Date | null;
}

/** One page of accounts. */
export const UserConnection = connectionOf(() => User, 'User', 'accounts');
export type UserConnection = Connection<User>;

/** What an account may change about itself. A field left out stays; null clears it where that is allowed. */
@InputType({
  description:
    'What an account may change about itself. A field left out stays as it is; null clears it, where the deployment lets it be empty.',
})
export class UpdateMeInput {
  @Field(() => String, { nullable: true, description: '2 to 64 characters, unique without regard to case.' })
  username?: string | null;

  @Field(() => String, { nullable: true, description: 'Given name; never empty.' })
  firstName?: string | null;

  @Field(() => String, { nullable: true, description: 'Middle name or patronymic.' })
  middleName?: string | null;

  @Field(() => String, { nullable: true, description: 'Family name.' })
  lastName?: string | null;

  @Field(() => String, { nullable: true, description: 'Telephone number.' })
  phone?: string | null;

  @Field(() => String, { nullable: true, description: 'Telegram handle.' })
  telegram?: string | null;

  @Field(() => CountryCode, { nullable: true, description: 'Country of residence.' })
  country?: string | null;

  @Field(() => CalendarDate, {
    nullable: true,
    description: 'Date of birth, at least the minimum age ago (13 years unless configured).',
  })
  birthDate?: string | null;
}

/** What an administrator may change about an account. */
@InputType({
  description:
    'What an administrator may change about an account. A field left out stays as it is; null clears it, where the deployment lets it be empty.',
})
export class UpdateUserInput extends UpdateMeInput {
  @Field(() => EmailAddress, {
    nullable: true,
    description: 'A new address, unique without regard to case; never empty.',
  })
  email?: string | null;
}

/** What an administrator tells of somebody who gets an account; the password is that person's own matter. */
@InputType({
  description:
    'What an administrator tells of somebody who gets an account. What sign-up would ask for beyond the compulsory fields may be left out. The password is set through the mailed link.',
})
export class CreateUserInput {
  @Field(() => EmailAddress, { description: 'Where the invitation goes; unique without regard to case.' })
  email: string;

  @Field(() => String, { description: '2 to 64 characters, unique without regard to case.' })
  username: string;

  @Field(() => String, { description: 'Given name.' })
  firstName: string;

  @Field(() => String, { nullable: true, description: 'Middle name or patronymic.' })
  middleName?: string | null;

  @Field(() => String, { nullable: true, description: 'Family name.' })
  lastName?: string | null;

  @Field(() => CountryCode, { nullable: true, description: 'Country of residence.' })
  country?: string | null;

  @Field(() => CalendarDate, {
    nullable: true,
    description: 'Date of birth, at least the minimum age ago (13 years unless configured).',
  })
  birthDate?: string | null;

  @Field(() => String, { nullable: true, description: 'Telephone number.' })
  phone?: string | null;

  @Field(() => String, { nullable: true, description: 'Telegram handle.' })
  telegram?: string | null;

  @Field(() => [ID], {
    nullable: true,
    description:
      'The roles of the account, each of lower rank than one’s own; the default role when left out or empty.',
  })
  roleIds?: string[] | null;
}

/** Which accounts a list holds; conditions add up. */
@InputType({ description: 'Which accounts a list holds. Every condition given must be met.' })
export class UserFilter {
  @Field(() => String, {
    nullable: true,
    description: 'Part of a username, email address or name, without regard to case.',
  })
  search?: string | null;

  @Field(() => EmailAddress, {
    nullable: true,
    description: 'This email address exactly, without regard to case.',
  })
  email?: string | null;

  @Field(() => String, { nullable: true, description: 'This username exactly, without regard to case.' })
  username?: string | null;

  @Field(() => ID, { nullable: true, description: 'Accounts that have the role with this id.' })
  roleId?: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'Accounts that have the role of this name, without regard to case.',
  })
  role?: string | null;

  @Field(() => UserStatus, { nullable: true, description: 'Accounts in this state.' })
  status?: UserStatus | null;

  @Field(() => DateTime, { nullable: true, description: 'Accounts created at this moment or later.' })
  createdAfter?: Date | null;

  @Field(() => DateTime, { nullable: true, description: 'Accounts created before this moment.' })
  createdBefore?: Date | null;

  @Field(() => ID, {
    nullable: true,
    description: 'Accounts that have any access to the service with this id, whatever its status.',
  })
  serviceId?: string | null;

  @Field(() => ID, {
    nullable: true,
    description:
      'Accounts that have the business role with this id: at serviceId where that is given, else at any service.',
  })
  businessRoleId?: string | null;

  @Field(() => DateTime, { nullable: true, description: 'Accounts last changed at this moment or later.' })
  updatedAfter?: Date | null;

  @Field(() => DateTime, { nullable: true, description: 'Accounts last changed before this moment.' })
  updatedBefore?: Date | null;

  @Field(() => DateTime, {
    nullable: true,
    description: 'Accounts that last signed in at this moment or later.',
  })
  lastSignInAfter?: Date | null;

  @Field(() => DateTime, {
    nullable: true,
    description: 'Accounts that last signed in before this moment; not those that never did.',
  })
  lastSignInBefore?: Date | null;

  @Field(() => DateTime, { nullable: true, description: 'Accounts deleted at this moment or later.' })
  deletedAfter?: Date | null;

  @Field(() => DateTime, { nullable: true, description: 'Accounts deleted before this moment.' })
  deletedBefore?: Date | null;
}

/** What a list of accounts can be sorted by. */
export const UserOrderField = describedEnum('UserOrderField', 'What a list of accounts can be sorted by.', {
  CREATED_AT: 'When the account was created.',
  UPDATED_AT: 'When the account was last changed.',
  USERNAME: 'The username, without regard to case.',
  EMAIL: 'The email address, without regard to case.',
});
export type UserOrderField = keyof typeof UserOrderField;

/** Which end of an order comes first. */
export const SortDirection = describedEnum('SortDirection', 'Which end of an order comes first.', {
  ASC: 'From A to Z, from oldest to newest.',
  DESC: 'From Z to A, from newest to oldest.',
});
export type SortDirection = keyof typeof SortDirection;

/** How a list of accounts is sorted. */
@InputType({ description: 'How a list of accounts is sorted; newest first when left out.' })
export class UserOrder {
  @Field(() => UserOrderField, { description: 'What to sort by.' })
  field: UserOrderField;

  @Field(() => SortDirection, { defaultValue: SortDirection.ASC, description: 'Which end comes first.' })
  direction: SortDirection;
}

/** The arguments of `users`. */
@ArgsType()
export class UsersArgs extends PageArgs {
  @Field(() => UserFilter, { nullable: true, description: 'Which accounts to list; all when left out.' })
  filter?: UserFilter | null;

  @Field(() => UserOrder, { nullable: true, description: 'How to sort them; newest first when left out.' })
  orderBy?: UserOrder | null;
}
