"""Sentences of Django and allauth that this site says in its own words: collected by makemessages,
never imported. Their own Chinese mixes terms and forms of address, or lacks the sentence."""

from django.utils.translation import gettext_noop, ngettext

gettext_noop("This account is currently inactive.")
gettext_noop("You cannot remove your primary email address.")
gettext_noop("This email address is already associated with this account.")
gettext_noop("The email address and/or password you specified are not correct.")
gettext_noop("A user is already registered with this email address.")
gettext_noop("Please type your current password.")
gettext_noop("The password reset token was invalid.")
gettext_noop("You cannot add more than %d email addresses.")
gettext_noop("The email address is not assigned to any user account.")
gettext_noop("Your primary email address must be verified.")
gettext_noop("The username and/or password you specified are not correct.")
gettext_noop("Be patient, you are sending too many requests.")
gettext_noop("Use your password")
gettext_noop("Email")
gettext_noop("Login")
gettext_noop("Username or email")
gettext_noop(
    "You cannot add an email address to an account protected by two-factor authentication."
)
gettext_noop("You cannot deactivate two-factor authentication.")
gettext_noop("You cannot generate recovery codes without having two-factor authentication enabled.")
gettext_noop(
    "You cannot activate two-factor authentication until you have verified your email address."
)
gettext_noop("Account Inactive")
gettext_noop("This account is inactive.")
gettext_noop("Email Addresses")
gettext_noop("The following email addresses are associated with your account:")
gettext_noop("Primary")
gettext_noop("Make Primary")
gettext_noop("Re-send Verification")
gettext_noop("Add Email Address")
gettext_noop("Add Email")
gettext_noop("Do you really want to remove the selected email address?")
gettext_noop("Change Password")
gettext_noop(
    "You are receiving this email because you or someone else tried to signup for an\naccount using email address:\n\n%(email)s\n\nHowever, an account using that email address already exists.  In case you have\nforgotten about this, please use the password forgotten procedure to recover\nyour account:\n\n%(password_reset_url)s"
)
gettext_noop("Thank you for using %(site_name)s!\n%(site_domain)s")
gettext_noop(
    "You're receiving this email because user %(user_display)s has given your email address to register an account on %(site_domain)s."
)
gettext_noop("Please Confirm Your Email Address")
gettext_noop("This mail can be safely ignored if you did not initiate this action.")
gettext_noop(
    "You're receiving this email because you or someone else has requested a password reset for your user account.\nIt can be safely ignored if you did not request a password reset. Click the link below to reset your password."
)
gettext_noop("In case you forgot, your username is %(username)s.")
gettext_noop(
    "You are receiving this email because you, or someone else, tried to access an account with email %(email)s. However, we do not have any record of such an account in our database."
)
gettext_noop("If it was you, you can sign up for an account using the link below.")
gettext_noop("Unknown Account")
gettext_noop("Confirm Email Address")
gettext_noop(
    'Please confirm that <a href="mailto:%(email)s">%(email)s</a> is an email address for user %(user_display)s.'
)
gettext_noop("Unable to confirm %(email)s because it is already confirmed by a different account.")
gettext_noop(
    'This email confirmation link expired or is invalid. Please <a href="%(email_url)s">issue a new email confirmation request</a>.'
)
gettext_noop("You cannot remove your primary email address (%(email)s).")
gettext_noop("You have confirmed %(email)s.")
gettext_noop("Removed email address %(email)s.")
gettext_noop("You have signed out.")
gettext_noop("Primary email address set.")
gettext_noop("Bad Token")
gettext_noop(
    'The password reset link was invalid, possibly because it has already been used.  Please request a <a href="%(passwd_reset_url)s">new password reset</a>.'
)
gettext_noop("Your password is now changed.")
gettext_noop(
    "You currently do not have any email address set up. You should really add an email address so you can receive notifications, reset your password, etc."
)
gettext_noop("Verify Your Email Address")
gettext_noop(
    "We have sent an email to you for verification. Follow the link provided to finalize the signup process. If you do not see the verification email in your main inbox, check your spam folder. Please contact us if you do not receive the verification email within a few minutes."
)
gettext_noop("Two-Factor Authentication")
gettext_noop("You are about to generate a new set of recovery codes for your account.")
gettext_noop("This action will invalidate your existing codes.")
gettext_noop(
    "To protect your account with two-factor authentication, scan the QR code below with your authenticator app. Then, input the verification code generated by the app below."
)
gettext_noop(
    "You can store this secret and use it to reinstall your authenticator app at a later time."
)
gettext_noop("Code")
gettext_noop("Incorrect code.")
gettext_noop("Authenticator code")
gettext_noop("Hello from %(site_name)s!")
gettext_noop("Authentication using an authenticator app is active.")
gettext_noop("A new set of recovery codes has been generated.")
gettext_noop("Use authenticator app or code")
gettext_noop("Password Reset Email")
gettext_noop("You are about to deactivate authenticator app based authentication. Are you sure?")
ngettext(
    "This password is too short. It must contain at least %d character.",
    "This password is too short. It must contain at least %d characters.",
    2,
)
ngettext(
    "There is %(unused_count)s out of %(total_count)s recovery codes available.",
    "There are %(unused_count)s out of %(total_count)s recovery codes available.",
    2,
)
